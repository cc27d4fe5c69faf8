//! Whom an `https` target must prove itself to.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::engine::{ALPN_H2, ALPN_HTTP1};

/// Which certificates of servers are accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those signed by an authority that this machine trusts.
    #[default]
    System,
    /// Those signed by one of these authorities: the text of a PEM file.
    Authorities(String),
    /// All. Only for servers that are one's own.
    Anything,
}

/// Authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The machine has no store of authorities, or an empty one.
    #[error("this machine trusts no certificate authority that could be found")]
    NoSystemStore,
    /// The text holds no certificate.
    #[error("no certificate in PEM form was given as an authority")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("a certificate of an authority cannot be read")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The cryptography refuses.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

impl Trust {
    /// The client side of TLS, which offers HTTP/2 or else HTTP/1.1.
    pub(crate) fn config(&self, http2: bool) -> Result<ClientConfig, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let mut config = match self {
            Self::System => builder.with_root_certificates(system_store()?).with_no_client_auth(),
            Self::Authorities(pem) => builder.with_root_certificates(read(pem)?).with_no_client_auth(),
            Self::Anything => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAll { provider }))
                .with_no_client_auth(),
        };
        config.alpn_protocols = vec![if http2 { ALPN_H2 } else { ALPN_HTTP1 }.to_vec()];
        Ok(config)
    }
}

fn system_store() -> Result<RootCertStore, TrustError> {
    let mut store = RootCertStore::empty();
    // Some entries of a store are no use to anyone; those that are suffice.
    let (added, _ignored) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(TrustError::NoSystemStore) } else { Ok(store) }
}

fn read(pem: &str) -> Result<RootCertStore, TrustError> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        store.add(certificate?)?;
    }
    if store.is_empty() { Err(TrustError::NoCertificate) } else { Ok(store) }
}

/// Accepts whoever holds the key of the certificate that is shown, whatever certificate that is.
#[derive(Debug)]
struct AcceptAll {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_authority_is_refused() {
        let error = |pem: &str| Trust::Authorities(pem.to_owned()).config(false).unwrap_err().to_string();
        assert_eq!(error("nothing"), "no certificate in PEM form was given as an authority");
        let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        assert_eq!(error(broken), "a certificate of an authority cannot be read");
        assert_eq!(Trust::Anything.config(true).unwrap().alpn_protocols, [ALPN_H2.to_vec()]);
    }
}
