package main

import (
	"encoding/json"
	"runtime"
	"syscall"
	"time"

	"tidemark/base/vfs"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/target/embedded"
)

// runMetrics is what --metrics writes. Bytes of rows are about what they take in
// memory.
type runMetrics struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakBytes  int64   `json:"peak_bytes"` // resident memory
	GoVersion  string  `json:"go"`
	// ExpiredKeys were asked for after their state had expired, at least so many.
	ExpiredKeys *int64       `json:"expired_keys,omitempty"`
	Jobs        []jobMetrics `json:"jobs,omitempty"` // a query or an INSERT each
}

type jobMetrics struct {
	Seconds      float64           `json:"seconds"`
	RowsIn       int64             `json:"rows_in"`
	RowsOut      int64             `json:"rows_out"`
	SpilledBytes int64             `json:"spilled_bytes"` // of state, at most
	Operators    []operatorMetrics `json:"operators"`
}

// operatorMetrics is an operator's part on one worker. Its number is its place in
// EXPLAIN PLAN, from 1 at the top; filters and projections in a row, and a table with its
// event time, are one operator with the number of the topmost. 0 is the sink.
type operatorMetrics struct {
	Operator          int     `json:"operator"`
	Name              string  `json:"name"`
	Worker            int     `json:"worker"`
	RowsIn            int64   `json:"rows_in"`
	RowsOut           int64   `json:"rows_out"`
	BytesIn           int64   `json:"bytes_in"`
	BytesOut          int64   `json:"bytes_out"`
	CPUSeconds        float64 `json:"cpu_seconds"`
	BusySeconds       float64 `json:"busy_seconds"`        // worked, on a processor or not
	InputWaitSeconds  float64 `json:"input_wait_seconds"`  // had nothing to do
	OutputWaitSeconds float64 `json:"output_wait_seconds"` // was held up by what is behind it
	StateBytes        *int64  `json:"state_bytes"`         // in memory, at most; null where it is not counted
}

func (o *execOptions) writeMetrics(took time.Duration, on executor) error {
	if o.metrics == "" {
		return nil
	}
	m := runMetrics{Seconds: took.Seconds(), GoVersion: runtime.Version(), ExpiredKeys: on.expiredKeys()}
	m.CPUSeconds, m.PeakBytes = resources()
	for _, c := range on.costs() {
		m.Jobs = append(m.Jobs, jobMetricsOf(c))
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return vfs.WriteFile(vfs.OS(), o.metrics, append(text, '\n'))
}

func jobMetricsOf(c embedded.JobCost) jobMetrics {
	places, next := map[plan.Node]int{}, 0
	plan.Inspect(c.Plan, func(n plan.Node) bool {
		next++
		if _, known := places[n]; !known {
			places[n] = next
		}
		return true
	})
	m := jobMetrics{Seconds: c.Took.Seconds(), RowsIn: c.RowsIn, RowsOut: c.RowsOut, SpilledBytes: c.SpilledBytes}
	for _, o := range c.Operators {
		m.Operators = append(m.Operators, operatorMetricsOf(o, places[o.Node]))
	}
	return m
}

func operatorMetricsOf(c job.OperatorCost, place int) operatorMetrics {
	m := operatorMetrics{
		Operator: place, Name: "Sink", Worker: c.Worker, RowsIn: c.RowsIn, RowsOut: c.RowsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		CPUSeconds: c.CPU.Seconds(), BusySeconds: c.Busy.Seconds(), InputWaitSeconds: c.InputWait.Seconds(), OutputWaitSeconds: c.OutputWait.Seconds(),
	}
	if c.Node != nil {
		m.Name = plan.Title(c.Node)
	}
	if c.StatePeak >= 0 {
		m.StateBytes = &c.StatePeak
	}
	return m
}

// resources is what the process has used: CPU time of all threads, and the most
// memory it had resident.
func resources() (cpuSeconds float64, peakBytes int64) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0, 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	peak := usage.Maxrss
	if runtime.GOOS == "linux" {
		peak *= 1024
	}
	return seconds(usage.Utime) + seconds(usage.Stime), peak
}
