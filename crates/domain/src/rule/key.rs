//! What a rule's key is made of.

use std::net::IpAddr;

use crate::client::Client;
use crate::country::CountryCode;
use crate::guard::PersonKey;
use crate::id::{AppId, CallerId, Purpose};
use crate::key::{Identity, truncated};
use crate::limit::{KeyPart, KeyParts, LimitKey, RuleName};
use crate::phone::PhoneNumber;

/// How many of a phone's last digits its block leaves open.
const BLOCK_DIGITS: usize = 4;

/// Everything a rule can tell apart about one request.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The phone in its canonical form ([`crate::ports::NumberingPlan::canonical`]).
    pub phone: &'a PhoneNumber,
    /// The line it is a number of: the key of `phone`, or of the number that WhatsApp knows the person by.
    pub line: PersonKey,
    /// Its country, if it has one.
    pub country: Option<CountryCode>,
    /// What the caller says about the device.
    pub client: &'a Client,
    /// The app.
    pub app: &'a AppId,
    /// The purpose.
    pub purpose: &'a Purpose,
    /// Who asks.
    pub caller: &'a CallerId,
}

impl Subject<'_> {
    /// The key of a quota of `rule`. Quotas of one rule have keys of their own, told apart by `quota`; they are kept in
    /// one shard.
    ///
    /// An IPv4 address inside IPv6 is that IPv4 address. A request without an address, or without a device, counts as
    /// one with all such requests of the same caller, over all apps unless the app is a part of its own (A15); phones
    /// of no country count as one country.
    pub fn key(&self, identity: &Identity, rule: RuleName, parts: KeyParts, quota: usize) -> LimitKey {
        let quota = u64::try_from(quota).unwrap_or(u64::MAX);
        self.keys(identity, rule, parts).of(quota)
    }

    /// What the keys of all quotas of `rule` are made from: one digest over the parts in their fixed order. A mark
    /// before each says which part it is, and whether it is what stands for one that is absent.
    pub(super) fn keys(&self, identity: &Identity, rule: RuleName, parts: KeyParts) -> Keys {
        let address = self.client.address.map(Address::of);
        let device = self.client.device.as_ref().map(|it| it.expose().as_bytes());
        let country = self.country.map(CountryCode::to_bytes);
        let country = country.as_ref().map_or(&[][..], |it| &it[..]);
        let mut fields: Vec<&[u8]> = Vec::with_capacity(1 + 2 * KeyPart::ALL.len());
        fields.push(rule.as_str().as_bytes());
        for part in parts.iter() {
            match part {
                KeyPart::Phone => fields.extend([b"p", &self.line.as_bytes()[..]]),
                KeyPart::ClientIp => fields.extend(self.or_caller(b"i", b"I", address.as_ref().map(Address::whole))),
                KeyPart::ClientNetwork => {
                    fields.extend(self.or_caller(b"n", b"N", address.as_ref().map(Address::network)));
                }
                KeyPart::Device => fields.extend(self.or_caller(b"d", b"D", device)),
                KeyPart::NumberBlock => fields.extend([b"b", block(self.phone)]),
                KeyPart::Country => fields.extend([b"c", country]),
                KeyPart::App => fields.extend([b"a", self.app.as_str().as_bytes()]),
                KeyPart::Purpose => fields.extend([b"u", self.purpose.as_str().as_bytes()]),
                KeyPart::Caller => fields.extend([b"r", self.caller.as_str().as_bytes()]),
            }
        }
        Keys(truncated(identity.digest("countersign rule v1", &fields)))
    }

    /// The field of a part, or under another mark the caller's name when the request does not have it.
    fn or_caller<'b>(&'b self, mark: &'b [u8], absent: &'b [u8], value: Option<&'b [u8]>) -> [&'b [u8]; 2] {
        match value {
            Some(value) => [mark, value],
            None => [absent, self.caller.as_str().as_bytes()],
        }
    }
}

/// The keys of one rule for one subject.
pub(super) struct Keys([u8; 16]);

impl Keys {
    /// The key of the quota of that number. The bytes that choose the shard are the same for all of them.
    pub(super) fn of(&self, number: u64) -> LimitKey {
        let mut bytes = self.0;
        for (byte, difference) in bytes[8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= difference;
        }
        LimitKey::from_bytes(bytes)
    }
}

/// The bytes of an address.
enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Address {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(address.octets()),
        }
    }

    fn whole(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// What one subscriber of IPv6, or one small network of IPv4, has in common.
    fn network(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => &bytes[..3],
            Self::V6(bytes) => &bytes[..8],
        }
    }
}

/// The bytes of the network of an address: /24 of IPv4, /64 of IPv6.
pub(crate) fn network_of(address: IpAddr) -> Vec<u8> {
    Address::of(address).network().to_vec()
}

fn block(phone: &PhoneNumber) -> &[u8] {
    let digits = phone.expose().as_bytes();
    &digits[..digits.len().saturating_sub(BLOCK_DIGITS)]
}
