//! Where the scanner is and how long it may take.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Settings of the virus scanner. The default is a clamd of our own with the limits below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScannerConfig {
    /// One, or a list: scans go to one that is trusted and has the fewest. The limits are of each.
    #[serde(deserialize_with = "one_or_several")]
    pub clamd: Vec<ClamdAddress>,
    pub limits: ScanLimits,
    pub signatures: SignaturePolicy,
}

/// Which clamd is asked. `kind` names the variant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClamdAddress {
    /// A clamd that Strongroom configures, starts, watches and stops.
    #[default]
    Managed,
    /// A clamd on this machine; files are passed as descriptors.
    Unix { path: PathBuf },
    /// A clamd elsewhere; files are streamed. Anyone who reaches this port can shut it down: keep it private.
    Tcp { address: String },
}

/// Bounds of every conversation with clamd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanLimits {
    /// clamd's `MaxThreads`, at least 2. One fewer scan runs at once, so that a probe never waits behind scans.
    pub max_threads: u16,
    /// Seconds a scan may wait for one of these threads.
    pub queue_seconds: u64,
    pub connect_seconds: u64,
    /// Seconds to hand over a command, a descriptor or one chunk.
    pub send_seconds: u64,
    /// Seconds until the verdict, counted from the last byte sent. clamd's own `MaxScanTime` is 900 s.
    pub reply_seconds: u64,
    /// Seconds each canary, PING and VERSION may take.
    pub probe_seconds: u64,
    /// Seconds between two rounds of canaries.
    pub probe_every_seconds: u64,
    /// Seconds that clamd may take for 2 GiB of zeros, once in each of its lives.
    pub proof_seconds: u64,
}

/// How old signatures may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignaturePolicy {
    /// Hours until readiness warns.
    pub warn_hours: u32,
    /// Hours until nothing is judged any more and files wait.
    pub hold_hours: u32,
    /// A clamd that tells no date (one with test signatures alone) is trusted. Never on a live service.
    pub accept_undated: bool,
}

impl Default for ScannerConfig {
    fn default() -> Self {
        let clamd = vec![ClamdAddress::default()];
        Self { clamd, limits: ScanLimits::default(), signatures: SignaturePolicy::default() }
    }
}

/// `{ kind = … }`, or a list of such with at most one of our own.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ClamdAddress>, D::Error> {
    deserializer.deserialize_any(OneOrSeveral)
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Vec<ClamdAddress>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a clamd ({ kind = … }) or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(vec![ClamdAddress::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        if all.is_empty() {
            return Err(A::Error::custom("without a clamd nothing can be checked"));
        }
        if all.iter().filter(|one| **one == ClamdAddress::Managed).count() > 1 {
            return Err(A::Error::custom("one clamd of our own is all there can be"));
        }
        Ok(all)
    }
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            max_threads: 4,
            queue_seconds: 600,
            connect_seconds: 5,
            send_seconds: 30,
            reply_seconds: 960,
            probe_seconds: 10,
            probe_every_seconds: 30,
            proof_seconds: 300,
        }
    }
}

impl Default for SignaturePolicy {
    fn default() -> Self {
        Self { warn_hours: 24, hold_hours: 72, accept_undated: false }
    }
}

impl ScanLimits {
    /// Scans that run at once: one thread is kept free for probes.
    pub fn parallel_scans(&self) -> usize {
        usize::from(self.max_threads.max(2)) - 1
    }

    pub fn queue(&self) -> Duration {
        Duration::from_secs(self.queue_seconds)
    }

    pub fn connect(&self) -> Duration {
        Duration::from_secs(self.connect_seconds)
    }

    pub fn send(&self) -> Duration {
        Duration::from_secs(self.send_seconds)
    }

    pub fn reply(&self) -> Duration {
        Duration::from_secs(self.reply_seconds)
    }

    pub fn probe(&self) -> Duration {
        Duration::from_secs(self.probe_seconds)
    }

    pub fn proof(&self) -> Duration {
        Duration::from_secs(self.proof_seconds)
    }

    pub fn probe_every(&self) -> Duration {
        Duration::from_secs(self.probe_every_seconds.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_from_toml_and_an_unknown_word_is_refused() {
        let config: ScannerConfig = toml::from_str(
            "clamd = { kind = 'unix', path = '/run/clamav/clamd.sock' }\nlimits.max_threads = 8",
        )
        .unwrap();
        let unix = ClamdAddress::Unix { path: "/run/clamav/clamd.sock".into() };
        assert_eq!(config.clamd, std::slice::from_ref(&unix));
        assert_eq!(config.limits.parallel_scans(), 7);
        let read = |text: &str| toml::from_str::<ScannerConfig>(text).map(|config| config.clamd);
        assert_eq!(toml::from_str::<ScannerConfig>("").unwrap(), ScannerConfig::default());
        assert_eq!(read("clamd.kind = 'managed'").unwrap(), [ClamdAddress::Managed]);
        let several = "clamd = [{ kind = 'managed' }, { kind = 'unix', path = '/run/clamav/clamd.sock' }, \
                       { kind = 'tcp', address = 'a:3310' }]";
        let tcp = ClamdAddress::Tcp { address: "a:3310".into() };
        assert_eq!(read(several).unwrap(), [ClamdAddress::Managed, unix, tcp]);
        for bad in ["clamd = []", "clamd = [{ kind = 'managed' }, { kind = 'managed' }]", "clamd = 'managed'"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        let described = toml::to_string(&ScannerConfig::default()).unwrap();
        assert_eq!(toml::from_str::<ScannerConfig>(&described).unwrap(), ScannerConfig::default());
        assert!(toml::from_str::<ScannerConfig>("limits.threads = 8").is_err());
        assert!(toml::from_str::<ScannerConfig>("clamd = { kind = 'unix', path = '/a', port = 1 }").is_err());
    }
}
