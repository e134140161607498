//! Any host at all: it is Cordon's own, or a name of AWS in one spelling, or refused.

use cordon_aws::catalog::Catalog;
use cordon_aws::endpoint::{Destination, OwnHosts};
use std::sync::LazyLock;

static OWN: LazyLock<OwnHosts> = LazyLock::new(|| {
    OwnHosts::new(["127.0.0.1:8443", "[::1]:8443", "cordon.test"]).expect("names")
});

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match Destination::parse(text, &OWN) {
        Err(error) => assert!(!error.code().is_empty()),
        Ok(Destination::Own { prefix }) => assert!(!prefix.ends_with('.')),
        Ok(Destination::Aws(host)) => {
            let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
            assert!(host.name.bytes().all(plain), "{}", host.name);
            let suffixes = Catalog::embedded()
                .partitions()
                .flat_map(|partition| [partition.dns_suffix(), partition.dual_stack_dns_suffix()]);
            let below = |suffix: &str| host.name.ends_with(&format!(".{suffix}"));
            assert!(suffixes.into_iter().any(below), "{}", host.name);
            // The name that is dialled is read as the very same.
            assert_eq!(
                Destination::parse(&host.name, &OWN),
                Ok(Destination::Aws(host))
            );
        }
    }
}
