//! Takes one file out of a zip archive. No zip64, no encryption: wheels have neither.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use flate2::read::DeflateDecoder;

const END_OF_DIRECTORY: u32 = 0x0605_4b50;
const DIRECTORY_ENTRY: u32 = 0x0201_4b50;

/// Writes the named file of the archive to `out`. Fails with `NotFound` when it is not in the archive.
pub(crate) fn extract(archive: &Path, name: &str, out: &mut impl Write) -> io::Result<()> {
    let mut file = File::open(archive)?;
    let directory = directory(&mut file)?;
    let mut rest = directory.as_slice();
    while rest.len() >= 46 && u32_at(rest, 0)? == DIRECTORY_ENTRY {
        let (name_len, extra, comment) = (u16_at(rest, 28)?, u16_at(rest, 30)?, u16_at(rest, 32)?);
        let entry_name = rest.get(46..46 + name_len).ok_or_else(broken)?;
        if entry_name == name.as_bytes() {
            let (method, size, offset) = (u16_at(rest, 10)?, u32_at(rest, 20)?, u32_at(rest, 42)?);
            return copy(&mut file, method, u64::from(size), u64::from(offset), out);
        }
        rest = rest.get(46 + name_len + extra + comment..).ok_or_else(broken)?;
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("{name} is not in {}", archive.display())))
}

/// The central directory, which the record at the end of the archive points to.
fn directory(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail_start = length.saturating_sub(22 + 65_535);
    file.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let at = (0..=tail.len().saturating_sub(22))
        .rev()
        .find(|at| u32_at(&tail, *at).is_ok_and(|magic| magic == END_OF_DIRECTORY))
        .ok_or_else(broken)?;
    let (size, offset) = (u32_at(&tail, at + 12)?, u32_at(&tail, at + 16)?);
    file.seek(SeekFrom::Start(u64::from(offset)))?;
    let mut directory = Vec::new();
    file.take(u64::from(size)).read_to_end(&mut directory)?;
    Ok(directory)
}

fn copy(file: &mut File, method: usize, size: u64, offset: u64, out: &mut impl Write) -> io::Result<()> {
    let mut header = [0; 30];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut header)?;
    let skip = u16_at(&header, 26)? + u16_at(&header, 28)?;
    file.seek(SeekFrom::Current(i64::try_from(skip).map_err(|_| broken())?))?;
    let packed = file.take(size);
    match method {
        0 => io::copy(&mut { packed }, out)?,
        8 => io::copy(&mut DeflateDecoder::new(packed), out)?,
        other => return Err(io::Error::other(format!("zip method {other} is not supported"))),
    };
    Ok(())
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a zip archive")
}

fn u16_at(bytes: &[u8], at: usize) -> io::Result<usize> {
    let part = bytes.get(at..at + 2).ok_or_else(broken)?;
    Ok(usize::from(u16::from_le_bytes([part[0], part[1]])))
}

fn u32_at(bytes: &[u8], at: usize) -> io::Result<u32> {
    let part = bytes.get(at..at + 4).ok_or_else(broken)?;
    Ok(u32::from_le_bytes([part[0], part[1], part[2], part[3]]))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::DeflateEncoder};

    use super::*;

    /// A zip with one stored and one deflated file, as Python's zipfile lays it out.
    fn sample() -> Vec<u8> {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(&b"again ".repeat(100)).unwrap();
        let (mut body, mut index) = (Vec::new(), Vec::new());
        for (name, method, data) in
            [("a/stored", 0_u16, b"as it is".to_vec()), ("b", 8, deflated.finish().unwrap())]
        {
            let offset = body.len() as u32;
            body.extend_from_slice(b"PK\x03\x04");
            body.extend_from_slice(&[0; 22]);
            body.extend_from_slice(&(name.len() as u16).to_le_bytes());
            body.extend_from_slice(&[0; 2]);
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(&data);
            let mut entry = [0; 46];
            entry[..4].copy_from_slice(b"PK\x01\x02");
            entry[10..12].copy_from_slice(&method.to_le_bytes());
            entry[20..24].copy_from_slice(&(data.len() as u32).to_le_bytes());
            entry[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
            entry[42..46].copy_from_slice(&offset.to_le_bytes());
            index.extend_from_slice(&entry);
            index.extend_from_slice(name.as_bytes());
        }
        let mut end = [0; 22];
        end[..4].copy_from_slice(b"PK\x05\x06");
        end[12..16].copy_from_slice(&(index.len() as u32).to_le_bytes());
        end[16..20].copy_from_slice(&(body.len() as u32).to_le_bytes());
        [body, index, end.to_vec()].concat()
    }

    #[test]
    fn extracts_stored_and_deflated_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), sample()).unwrap();
        let read = |name| {
            let mut out = Vec::new();
            extract(file.path(), name, &mut out).map(|()| out)
        };
        assert_eq!(read("a/stored").unwrap(), b"as it is");
        assert_eq!(read("b").unwrap(), b"again ".repeat(100));
        assert_eq!(read("c").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn refuses_other_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for content in [&b""[..], b"PK", &[0; 100]] {
            std::fs::write(file.path(), content).unwrap();
            assert!(extract(file.path(), "a", &mut Vec::new()).is_err());
        }
    }
}
