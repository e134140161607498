//! Networks of addresses inside of parameters.
//!
//! Takes the text of a network; gives whether it stands for everyone. EC2 makes `1.2.3.4/0` into
//! `0.0.0.0/0`, and two halves of the internet are all of it, so that what counts is how many
//! addresses there are and not how they are written.

use std::net::IpAddr;

/// What is as wide as the widest private network, or narrower, is a network of somebody's.
const NARROWEST_V4: u8 = 8;
/// As registries give it to whole providers.
const NARROWEST_V6: u8 = 16;
/// Where an address of IPv4 stands in one of IPv6 (RFC 4291, 2.5.5.2).
const MAPPED: u8 = 96;

/// Whether a network is wider than anybody's own, or is none that is understood.
pub(super) fn is_everyone(text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, prefix.parse::<u8>().ok()),
        None => (text, Some(u8::MAX)),
    };
    match (address.parse(), prefix) {
        (Ok(IpAddr::V4(_)), Some(prefix)) => prefix < NARROWEST_V4,
        (Ok(IpAddr::V6(address)), Some(prefix)) => match address.to_ipv4_mapped() {
            Some(_) => prefix < MAPPED + NARROWEST_V4,
            None => prefix < NARROWEST_V6,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_all_addresses_is_everyone_however_it_is_written() {
        for (text, expected) in [
            ("0.0.0.0/0", true),
            ("1.2.3.4/0", true),
            ("0.0.0.0/1", true),
            ("128.0.0.0/1", true),
            ("::/0", true),
            ("2001:db8::/0", true),
            ("0:0:0:0:0:0:0:0/0", true),
            ("2000::/3", true),
            ("::ffff:0:0/96", true),
            ("anyone", true),
            ("0.0.0.0/00x", true),
            ("010.0.0.0/8", true),
            ("", true),
            ("10.0.0.0/8", false),
            ("192.0.2.0/24", false),
            ("192.0.2.1/32", false),
            ("192.0.2.1", false),
            ("2001:db8::/32", false),
            ("2001:db8::1/128", false),
        ] {
            assert_eq!(is_everyone(text), expected, "{text}");
        }
    }
}
