// Package telemetry is how the program tells operators what it does: counters,
// gauges and histograms for Prometheus, and structured log lines.
//
// It is not tracing, and not where users read about their jobs (those are
// system tables).
//
// Flow: cmd/tidemark makes one Registry and one logger and passes them down;
// a package asks the registry for its metrics once, when it is opened, and
// keeps them; serve/httpapi shows Handler at /metrics.
//
// Invariants:
//  1. Every metric is named tidemark_<package>_<what>[_<unit>][_total].
//  2. Asking twice for the same metric gives the same one (of readings, the later), so that a package
//     may be opened twice in one process.
//  3. There is no global registry.
package telemetry

import (
	"errors"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tidemark/base/invariant"
)

// namePrefix starts the name of every metric of ours.
const namePrefix = "tidemark_"

// Registry holds the metrics of one process or one test.
type Registry struct {
	registry *prometheus.Registry
}

// New makes an empty registry.
func New() *Registry {
	return &Registry{registry: prometheus.NewRegistry()}
}

// WithProcess adds the metrics of the Go runtime and of the process.
func (r *Registry) WithProcess() *Registry {
	register(r, prometheus.Collector(collectors.NewGoCollector()))
	register(r, prometheus.Collector(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
	return r
}

// Counter is a number that only grows; labels name its dimensions.
func (r *Registry) Counter(name, help string, labels ...string) *prometheus.CounterVec {
	checkName(name)
	return register(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}

// Gauge is a number that goes up and down.
func (r *Registry) Gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	checkName(name)
	return register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels))
}

// Histogram counts observations in buckets with the given upper bounds.
func (r *Registry) Histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	checkName(name)
	return register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels))
}

// Latencies are buckets for durations in seconds, from 0.1 ms to 13 s.
func Latencies() []float64 { return prometheus.ExponentialBuckets(0.0001, 2, 18) }

// Handler answers with all metrics in the Prometheus text format.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{})
}

func checkName(name string) {
	invariant.Check(strings.HasPrefix(name, namePrefix), "metric %q is not named %s…", name, namePrefix)
}

// register adds a metric, or finds the one that was added before.
func register[C prometheus.Collector](r *Registry, collector C) C {
	err := r.registry.Register(collector)
	if err == nil {
		return collector
	}
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(C); ok {
			return same
		}
	}
	panic("telemetry: " + err.Error())
}
