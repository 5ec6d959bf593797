package eventlog

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidemark/base/telemetry"
)

// metrics are what an operator sees of the log.
type metrics struct {
	events, bytes, refused, damaged     *prometheus.CounterVec // by topic
	sealedFrom, sealedTo                *prometheus.CounterVec // by topic
	checkpointErrors, maintenanceErrors prometheus.Counter
	syncSeconds                         prometheus.Observer
}

func newMetrics(r *telemetry.Registry) *metrics {
	return &metrics{
		events:            r.Counter("tidemark_eventlog_events_total", "Events appended and synced.", "topic"),
		bytes:             r.Counter("tidemark_eventlog_bytes_total", "Bytes appended and synced.", "topic"),
		refused:           r.Counter("tidemark_eventlog_refused_total", "Appends refused because too many were waiting.", "topic"),
		damaged:           r.Counter("tidemark_eventlog_damaged_reads_total", "Reads that met damaged bytes.", "topic"),
		sealedFrom:        r.Counter("tidemark_eventlog_sealed_from_bytes_total", "Bytes of segments before they were compressed.", "topic"),
		sealedTo:          r.Counter("tidemark_eventlog_sealed_to_bytes_total", "Bytes of the same segments afterwards.", "topic"),
		maintenanceErrors: r.Counter("tidemark_eventlog_maintenance_errors_total", "Times that old segments could not be ended or compressed.").WithLabelValues(),
		checkpointErrors:  r.Counter("tidemark_eventlog_checkpoint_errors_total", "Checkpoints that could not be written.").WithLabelValues(),
		syncSeconds:       r.Histogram("tidemark_eventlog_sync_seconds", "Time to sync one write run.", telemetry.Latencies()).WithLabelValues(),
	}
}
