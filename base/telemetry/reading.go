package telemetry

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Reading is a metric whose values are asked for when somebody looks: for what is
// counted elsewhere already, and for things that come and go.
type Reading struct {
	Name   string
	Help   string
	Counts bool // it only grows, from when what it is about began
	Labels []string
}

// Read shows readings: read is called whenever somebody looks, from any goroutine, and
// calls show with the place of a reading in all, its value and its labels. Readings
// that were there before under these names are given up.
func (r *Registry) Read(all []Reading, read func(show func(place int, value float64, labels ...string))) {
	c := &reader{read: read}
	for _, one := range all {
		checkName(one.Name)
		kind := prometheus.GaugeValue
		if one.Counts {
			kind = prometheus.CounterValue
		}
		c.descriptions = append(c.descriptions, prometheus.NewDesc(one.Name, one.Help, one.Labels, nil))
		c.kinds = append(c.kinds, kind)
	}
	err := r.registry.Register(c)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		r.registry.Unregister(before.ExistingCollector)
		err = r.registry.Register(c)
	}
	if err != nil {
		panic("telemetry: " + err.Error())
	}
}

// reader shows readings to Prometheus.
type reader struct {
	descriptions []*prometheus.Desc
	kinds        []prometheus.ValueType
	read         func(show func(place int, value float64, labels ...string))
}

// Describe names the readings.
func (c *reader) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descriptions {
		to <- d
	}
}

// Collect asks for the values.
func (c *reader) Collect(to chan<- prometheus.Metric) {
	c.read(func(place int, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(c.descriptions[place], c.kinds[place], value, labels...)
	})
}
