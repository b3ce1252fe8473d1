//! Numbers that are looked up when they are asked for.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::described::{Description, Kind};

/// What one look found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    families: Vec<(Description, Vec<Sample>)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Histogram(Distribution),
}

/// A histogram that was counted elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// The sum of all.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
    /// Upper bounds, ascending, and how many are within each and above the one before.
    pub buckets: Vec<(f64, u64)>,
}

impl Snapshot {
    /// Adds a number; the labels are in the order of the description.
    pub fn number<const N: usize>(&mut self, metric: Description, labels: [&str; N], value: f64) {
        self.add(metric, &labels, Value::Number(value));
    }

    /// Adds a histogram.
    pub fn histogram<const N: usize>(&mut self, metric: Description, labels: [&str; N], value: Distribution) {
        self.add(metric, &labels, Value::Histogram(value));
    }

    fn add(&mut self, metric: Description, labels: &[&str], value: Value) {
        let labels = metric.labels.iter().copied().zip(labels.iter().map(ToString::to_string)).collect();
        let sample = Sample { labels, value };
        match self.families.iter_mut().find(|(known, _)| *known == metric) {
            Some((_, samples)) => samples.push(sample),
            None => self.families.push((metric, vec![sample])),
        }
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for (metric, samples) in &self.families {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let name = registered(*metric);
            let mut family = encoder.encode_descriptor(name, metric.help, None, kind)?;
            for Sample { labels, value } in samples {
                value.encode(family.encode_family(labels)?, kind)?;
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, mut encoder: MetricEncoder<'_>, kind: MetricType) -> fmt::Result {
        match (self, kind) {
            (Self::Number(number), MetricType::Counter) => encoder.encode_counter::<NoLabelSet, _, f64>(number, None),
            (Self::Number(number), _) => encoder.encode_gauge(number),
            (Self::Histogram(Distribution { sum, count, buckets }), _) => {
                let mut buckets = buckets.clone();
                let within: u64 = buckets.iter().map(|(_, count)| count).sum();
                buckets.push((f64::INFINITY, count.saturating_sub(within)));
                encoder.encode_histogram::<NoLabelSet>(*sum, *count, &buckets, None)
            }
        }
    }
}

/// The name as it is registered: the format adds `_total` to a counter's by itself.
pub(super) fn registered(metric: Description) -> &'static str {
    match metric.kind {
        Kind::Counter => metric.name.strip_suffix("_total").unwrap_or(metric.name),
        Kind::Gauge | Kind::Histogram => metric.name,
    }
}
