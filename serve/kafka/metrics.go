package kafka

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidemark/base/telemetry"
)

// metrics are what an operator sees of the door.
type metrics struct {
	connections prometheus.Gauge
	refused     prometheus.Counter
	requests    *prometheus.CounterVec // by api and outcome
	records     *prometheus.CounterVec // by table and outcome
	throttled   prometheus.Counter
}

func newMetrics(r *telemetry.Registry) metrics {
	return metrics{
		connections: r.Gauge("tidemark_kafka_connections", "Open connections of the Kafka door.").WithLabelValues(),
		refused:     r.Counter("tidemark_kafka_refused_connections_total", "Connections refused because there were too many.").WithLabelValues(),
		requests:    r.Counter("tidemark_kafka_requests_total", "Requests answered by the Kafka door.", "api"),
		records:     r.Counter("tidemark_kafka_records_total", "Records through the Kafka door.", "table", "outcome"),
		throttled:   r.Counter("tidemark_kafka_throttled_total", "Produce requests after which the client had to wait because more came than may.").WithLabelValues(),
	}
}
