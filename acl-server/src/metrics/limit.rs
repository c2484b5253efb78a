//! A gauge that may have no value.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;

/// A limit, left out as long as it is unknown: 0 would say that nothing fits.
#[derive(Debug, Clone)]
pub(super) struct Limit(Arc<AtomicI64>);

const UNKNOWN: i64 = -1;

impl Default for Limit {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }
}

impl Limit {
    pub(super) fn set(&self, limit: Option<u64>) {
        let limit = limit.map_or(UNKNOWN, |limit| limit.try_into().unwrap_or(i64::MAX));
        self.0.store(limit, Ordering::Relaxed);
    }
}

impl EncodeMetric for Limit {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.load(Ordering::Relaxed))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == UNKNOWN
    }
}
