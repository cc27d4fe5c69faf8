//! The report as a browser shows it: no error on the console, what matters within the first screen, and a picture of
//! each kind of page, light and dark.
//!
//! Needs Chromium; without it these tests say so and pass, unless `KUBSETS_REQUIRE_BROWSER` is set. `KUBSETS_BROWSER`
//! names another program.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BAD, GOOD, output, record};
use crate::run::Surroundings;

/// The first screen of acceptance: width and height in pixels.
const SCREEN: (u32, u32) = (1280, 800);
/// A phone: width and height in pixels. No window of the browser is that narrow, a frame in it is.
const PHONE: (u32, u32) = (390, 844);
/// Colour schemes, in the numbers of Chromium.
const DARK: u8 = 0;
const LIGHT: u8 = 1;
/// More bytes than a picture or a paper without anything on it has.
const BLANK: usize = 20_000;
/// The most that a page may be, in bytes.
const LIMIT: usize = 1 << 20;

/// Writes into the title where the elements with these ids end, and how wide the page is; -1 for a missing one.
const MEASURE: &str = "<script>addEventListener('load', () => {
  const end = id => { const e = document.getElementById(id); return e ? Math.ceil(e.getBoundingClientRect().bottom) : -1; };
  document.title = ['MEASURED', ...['verdict', 'reason', 'numbers', 'repeat'].map(end),
    document.documentElement.scrollWidth].join(' ');
});</script></body>";

/// Writes into the title how wide the page in the frame is, how many parts of it scroll to the side (but wide tables,
/// which have a place of their own to do so), the brightness of its background and of its text, and the part that
/// reaches furthest.
const MEASURE_FRAME: &str = "<script>addEventListener('load', () => {
  const frame = document.querySelector('iframe'), page = frame.contentDocument;
  const all = [...page.querySelectorAll('body *')];
  const scrolls = e => !e.matches('.scroll') && e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(frame.contentWindow.getComputedStyle(e).overflowX);
  const furthest = all.reduce((a, b) => a.getBoundingClientRect().right >= b.getBoundingClientRect().right ? a : b);
  const style = frame.contentWindow.getComputedStyle(page.body);
  const brightness = color => color.match(/[0-9]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
  document.title = ['MEASURED', page.documentElement.scrollWidth, all.filter(scrolls).length,
    brightness(style.backgroundColor), brightness(style.color), furthest.localName + '.' + furthest.className].join(' ');
});</script>";

#[expect(clippy::print_stderr, reason = "a test that is skipped has to say so")]
fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("KUBSETS_BROWSER") {
        return Some(named.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        let required = std::env::var_os("KUBSETS_REQUIRE_BROWSER").is_some();
        assert!(!required, "no Chromium on the PATH, and KUBSETS_REQUIRE_BROWSER is set");
        eprintln!("skipped: no Chromium on the PATH; `apt-get install chromium` supplies it");
    }
    found
}

/// Starts the browser on a page: what it wrote, and what was said on the console.
fn start(browser: &Path, home: &Path, page: &str, args: &[String]) -> (Vec<u8>, Vec<String>) {
    let folder = tempfile::tempdir_in(home).expect("a folder can be made");
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).expect("can be written");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--enable-logging=stderr", "--v=0"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .args(args)
        .arg(format!("file://{}", file.display()))
        // crash reports and settings stay out of the home of whoever runs the tests
        .envs(["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"].map(|variable| (variable, folder.path())))
        .output()
        .expect("the browser starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let console = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (output.stdout, console)
}

/// Opens a page: its document after loading, and what was said on the console.
fn open(browser: &Path, home: &Path, page: &str, screen: (u32, u32)) -> (String, Vec<String>) {
    let args = ["--dump-dom".to_owned(), window(screen)];
    let (document, console) = start(browser, home, page, &args);
    (String::from_utf8_lossy(&document).into_owned(), console)
}

/// A file that the browser makes of a page without a word on the console.
fn made(browser: &Path, home: &Path, page: &str, how: &str, more: &[String]) -> Vec<u8> {
    let folder = tempfile::tempdir_in(home).expect("a folder can be made");
    // the browser takes the kind of a picture from the name
    let file = folder.path().join(if how == "screenshot" { "made.png" } else { "made.pdf" });
    let args: Vec<String> =
        std::iter::once(format!("--{how}={}", file.display())).chain(more.iter().cloned()).collect();
    let (_, console) = start(browser, home, page, &args);
    assert_eq!(console, Vec::<String>::new());
    std::fs::read(&file).expect("was made")
}

/// Width and height of a picture, from the head of the PNG file.
fn size(picture: &[u8]) -> (u32, u32) {
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "is no PNG");
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("is four bytes"));
    (number(16), number(20))
}

/// One run of each kind, as pages.
fn pages(here: &Surroundings) -> Vec<(&'static str, String)> {
    let page = |run: &str| output(here, &["report", run, "-o", "html"]);
    let labs = super::lab::state(here);
    vec![
        ("a rolled back canary", page(&record(BAD))),
        ("a promoted canary", page(&record(GOOD))),
        ("a lab", page(&format!("{labs}/runs/{}", super::lab::POD_KILL))),
        ("a lab with a canary", page(&format!("{labs}/runs/{}", super::lab::RELEASE))),
        ("a load", crate::load::page(here)),
    ]
}

/// Two runs side by side, as a page.
fn comparison(here: &Surroundings) -> (&'static str, String) {
    let two = ["report", "--compare", &record(GOOD), &record(BAD), "-o", "html"];
    ("a comparison", output(here, &two))
}

/// A page as it is, in a frame of the size of a phone; `script` comes after it.
fn on_a_phone(page: &str, script: &str) -> String {
    let (width, height) = PHONE;
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!(
        "<iframe style=\"border:0\" width=\"{width}\" height=\"{height}\" srcdoc=\"{page}\"></iframe>"
    );
    format!("<!DOCTYPE html><meta charset=\"utf-8\"><body style=\"margin:0\">{frame}{script}</body>")
}

/// What the title says that a script has measured.
fn measured(browser: &Path, home: &Path, page: &str, more: &[String]) -> Vec<String> {
    let args: Vec<String> = std::iter::once("--dump-dom".to_owned()).chain(more.iter().cloned()).collect();
    let (document, console) = start(browser, home, page, &args);
    assert_eq!(console, Vec::<String>::new());
    let document = String::from_utf8_lossy(&document);
    let title = document.split("<title>MEASURED ").nth(1).expect("was measured");
    title.split('<').next().unwrap_or_default().split(' ').map(str::to_owned).collect()
}

fn scheme(number: u8) -> String {
    format!("--blink-settings=preferredColorScheme={number}")
}

fn window((width, height): (u32, u32)) -> String {
    format!("--window-size={width},{height}")
}

/// Ends of verdict, reason, numbers and repeat command, and the width of the page.
fn measure(browser: &Path, home: &Path, page: &str, screen: (u32, u32)) -> Vec<i64> {
    // The page's own policy would forbid the script that measures.
    let start = page.find("<meta http-equiv=\"Content-Security-Policy\"").expect("has a policy");
    let end = start + page[start..].find('>').expect("ends") + 1;
    let page = format!("{}{}", &page[..start], &page[end..]).replace("</body>", MEASURE);
    let measured = measured(browser, home, &page, &[window(screen)]);
    measured.iter().map(|number| number.parse().expect("is a number")).collect()
}

#[test]
fn pages_are_drawn_on_every_screen_and_on_paper() {
    let Some(browser) = browser() else { return };
    let here = Surroundings::new();
    for (kind, page) in pages(&here).into_iter().chain([comparison(&here)]) {
        assert!(page.len() <= LIMIT, "{kind}: {} bytes", page.len());
        for (screen, page) in [(SCREEN, page.clone()), (PHONE, on_a_phone(&page, ""))] {
            let picture = |number: u8| {
                let more = [window(screen), scheme(number)];
                let picture = made(&browser, here.home(), &page, "screenshot", &more);
                assert_eq!(size(&picture), screen, "{kind}");
                // One colour all over packs into a few thousand bytes.
                assert!(picture.len() > BLANK, "{kind} {screen:?}: blank, {} bytes", picture.len());
                picture
            };
            assert_ne!(picture(DARK), picture(LIGHT), "{kind} {screen:?}: the dark page is the light one");
        }
        let paper = made(&browser, here.home(), &page, "print-to-pdf", &[]);
        assert!(paper.starts_with(b"%PDF-") && paper.len() > BLANK, "{kind}: {} bytes", paper.len());
    }
}

#[test]
fn what_matters_is_on_the_first_screen() {
    let Some(browser) = browser() else { return };
    let here = Surroundings::new();
    for (run, page) in pages(&here) {
        assert!(page.len() <= LIMIT, "{run}: {} bytes", page.len());
        let (_, console) = open(&browser, here.home(), &page, SCREEN);
        assert_eq!(console, Vec::<String>::new(), "{run}");
        let seen = measure(&browser, here.home(), &page, SCREEN);
        let (width, ends) = seen.split_last().expect("has numbers");
        assert!(ends.iter().all(|end| (1..=i64::from(SCREEN.1)).contains(end)), "{run}: {seen:?}");
        assert!(*width <= i64::from(SCREEN.0), "{run}: {seen:?}");
    }
}

#[test]
fn a_phone_needs_no_scrolling_to_the_side() {
    let Some(browser) = browser() else { return };
    let here = Surroundings::new();
    for (kind, page) in pages(&here).into_iter().chain([comparison(&here)]) {
        let page = on_a_phone(&page, MEASURE_FRAME);
        let brightness = [DARK, LIGHT].map(|number| {
            let seen = measured(&browser, here.home(), &page, &[scheme(number)]);
            let number = |place: usize| seen[place].parse::<u32>().expect("is a number");
            assert!(number(0) <= PHONE.0 && number(1) == 0, "{kind}: {seen:?}");
            (number(2), number(3))
        });
        let [dark, light] = brightness;
        assert!(dark.0 < dark.1 && light.0 > light.1, "{kind}: {brightness:?}");
    }
}

#[test]
fn two_runs_open_without_an_error() {
    let Some(browser) = browser() else { return };
    let here = Surroundings::new();
    let (_, page) = comparison(&here);
    assert!(page.len() <= LIMIT, "{} bytes", page.len());
    let (_, console) = open(&browser, here.home(), &page, SCREEN);
    assert_eq!(console, Vec::<String>::new());
}
