package main

import (
	"time"

	"tidemark/base/batch"
	"tidemark/serve/httpapi"
	"tidemark/target"
)

// describeCost fills in what a job costs, and how far it has read its sources.
func describeCost(j *httpapi.JobStatus, s target.Status) {
	if len(s.Operators) == 0 {
		return // it does not run
	}
	processor, memory, spilled := s.CPU.Seconds(), s.MemoryBytes, s.SpilledBytes
	j.CPUSeconds, j.MemoryBytes, j.SpilledBytes = &processor, &memory, &spilled
	if pressure := s.BackPressure; pressure >= 0 {
		j.BackPressure = &pressure
	}
	for _, o := range s.Operators {
		j.Operators = append(j.Operators, operatorOf(o))
		if h := s.HeldBy; h != nil && h.Operator == o.ID {
			j.HeldBy = &httpapi.Holdup{Operator: o.ID, Name: o.Name, Busy: h.Busy}
		}
	}
	for _, source := range s.Sources {
		shown := httpapi.JobSource{Table: source.Table, Watermark: instant(source.Watermark)}
		for _, p := range source.Splits {
			shown.Splits = append(shown.Splits, splitOf(p))
		}
		j.Sources = append(j.Sources, shown)
	}
}

// operatorOf adds up what the workers of an operator cost.
func operatorOf(o target.Operator) httpapi.Operator {
	shown := httpapi.Operator{ID: o.ID, Name: o.Name, Details: o.Details, Inputs: o.Inputs}
	for _, w := range o.Workers {
		shown.RowsIn += w.RowsIn
		shown.RowsOut += w.RowsOut
		shown.BytesIn += w.BytesIn
		shown.BytesOut += w.BytesOut
		shown.CPUSeconds += w.CPU.Seconds()
		shown.BusySeconds += w.Busy.Seconds()
		shown.InputWaitSeconds += w.InputWait.Seconds()
		shown.OutputWaitSeconds += w.OutputWait.Seconds()
		share := httpapi.OperatorShare{RowsIn: w.RowsIn, CPUSeconds: w.CPU.Seconds(), MemoryBytes: unlessNegative(w.StateBytes)}
		if w.StateBytes >= 0 {
			if shown.MemoryBytes == nil {
				shown.MemoryBytes = new(int64)
			}
			*shown.MemoryBytes += w.StateBytes
		}
		shown.Workers = append(shown.Workers, share)
		r := &shown.Recent
		r.RowsInPerSecond += w.Recent.RowsIn
		r.RowsOutPerSecond += w.Recent.RowsOut
		r.CPU += w.Recent.CPU
		r.Busy = max(r.Busy, min(w.Recent.Busy, 1))
		r.InputWait += w.Recent.InputWait / float64(len(o.Workers))
		r.OutputWait = max(r.OutputWait, w.Recent.OutputWait)
	}
	return shown
}

func splitOf(p target.Split) httpapi.JobSplit {
	shown := httpapi.JobSplit{
		Name: p.Name, Position: unlessNegative(p.Position), End: unlessNegative(p.End), Waiting: unlessNegative(p.LagRows),
		Watermark: instant(p.Watermark), Idle: p.Idle, Ended: p.Ended,
	}
	if p.LagAge >= 0 {
		shown.LagMillis = unlessNegative(p.LagAge.Milliseconds())
	}
	if !p.LastRow.IsZero() {
		at := p.LastRow.UTC()
		shown.LastRow = &at
	}
	return shown
}

// unlessNegative is a number that is unknown when it is negative.
func unlessNegative(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// instant is a watermark as a time; nil before the first and behind the last.
func instant(ms int64) *time.Time {
	if ms == batch.NoMark || ms == batch.Final {
		return nil
	}
	at := time.UnixMilli(ms).UTC()
	return &at
}
