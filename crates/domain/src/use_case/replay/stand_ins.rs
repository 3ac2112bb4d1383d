//! Stand-ins: for each mark of a record one phone, address or device that nobody has, so that recorded subjects go
//! through the same functions as real ones.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::client::{Client, DeviceId};
use crate::guard::PersonKey;
use crate::phone::PhoneNumber;
use crate::use_case::replay::recorded::{Mark, RecordedSubject};

/// Numbers marks in the order in which they are first met. Two marks never get the same number.
#[derive(Debug, Default)]
struct Numbers(BTreeMap<Mark, u64>);

impl Numbers {
    fn of(&mut self, mark: Mark) -> u64 {
        let next = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        *self.0.entry(mark).or_insert(next)
    }
}

/// A block of ten thousand numbers: its own number, and those of the thousands in it with their phones.
#[derive(Debug, Default)]
struct TenThousand {
    thousands: Numbers,
    phones: BTreeMap<Mark, Numbers>,
}

/// The stand-ins of one replay.
#[derive(Debug, Default)]
pub(super) struct StandIns {
    ten_thousands: Numbers,
    blocks: BTreeMap<Mark, TenThousand>,
    networks: Numbers,
    addresses: Numbers,
    devices: Numbers,
}

/// Who stands in for a recorded subject.
#[derive(Clone, Debug)]
pub(super) struct StandIn {
    pub(super) phone: PhoneNumber,
    /// The line: the recorded mark of the phone itself, whatever block the stand-in is of.
    pub(super) line: PersonKey,
    pub(super) client: Client,
}

impl StandIns {
    /// The stand-in of a subject; `None` when there are more numbers in a block than blocks hold, which no record of
    /// ours says.
    pub(super) fn of(&mut self, subject: &RecordedSubject) -> Option<StandIn> {
        let block = self.ten_thousands.of(subject.ten_thousand);
        let inside = self.blocks.entry(subject.ten_thousand).or_default();
        let thousand = inside.thousands.of(subject.thousand);
        let phone = inside.phones.entry(subject.thousand).or_default().of(subject.phone);
        if thousand > 9 || phone > 999 {
            return None;
        }
        // Ten digits for the block: all the blocks there can be.
        let phone = PhoneNumber::parse(&format!("+1{block:010}{thousand}{phone:03}")).ok()?;
        let address = subject.address.zip(subject.network).map(|(address, network)| {
            let (network, host) = (self.networks.of(network), self.addresses.of(address));
            IpAddr::V6(Ipv6Addr::from_bits(
                u128::from(network) << 64 | u128::from(host) | 1 << 127,
            ))
        });
        let device = subject.device.map(|it| format!("device-{}", self.devices.of(it)));
        let device = device.and_then(|it| DeviceId::parse(&it).ok().flatten());
        let client = Client {
            address,
            device,
            ..Client::default()
        };
        let mut line = [0; 16];
        line[..8].copy_from_slice(&subject.phone.0);
        let line = PersonKey::from_bytes(line);
        Some(StandIn { phone, line, client })
    }
}
