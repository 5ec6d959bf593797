package httpapi

import (
	"strconv"

	"tidemark/base/telemetry"
)

// The readings about jobs, as /metrics shows them. They are for the present run of a
// job: what counts begins anew when it is started again.
const (
	jobRowsIn = iota
	jobRowsOut
	jobCPU
	jobMemory
	jobState
	jobSpilled
	jobBackPressure
	jobWaiting
	jobLag
	jobRestarts
	jobEpochSeconds
	jobLate
	jobExpired
	operatorRowsIn
	operatorRowsOut
	operatorCPU
	operatorBusy
	operatorInputWait
	operatorOutputWait
	operatorMemory
	splitPosition
	splitEnd
	splitWaiting
	splitLag
	jobReadings // how many
)

func readingsOfJobs() []telemetry.Reading {
	all := make([]telemetry.Reading, jobReadings)
	gauge := func(place int, name, help string, labels ...string) {
		all[place] = telemetry.Reading{Name: "tidemark_httpapi_" + name, Help: help, Labels: append([]string{"job"}, labels...)}
	}
	counter := func(place int, name, help string, labels ...string) {
		gauge(place, name, help, labels...)
		all[place].Counts = true
	}
	counter(jobRowsIn, "job_rows_in_total", "Rows read.")
	counter(jobRowsOut, "job_rows_out_total", "Rows in committed epochs.")
	counter(jobCPU, "job_cpu_seconds_total", "CPU time of operators, readers and commits.")
	gauge(jobMemory, "job_memory_bytes", "State that operators hold in memory.")
	gauge(jobState, "job_state_bytes", "Stored state.")
	gauge(jobSpilled, "job_spilled_bytes", "State in files because it did not fit in memory, the most so far.")
	gauge(jobBackPressure, "job_back_pressure", "Part of the time that readers of sources wait for what is behind them.")
	gauge(jobWaiting, "job_waiting_rows", "Rows in the sources that were not read yet.")
	gauge(jobLag, "job_lag_seconds", "From now back to the watermark.")
	counter(jobRestarts, "job_restarts_total", "Starts after a failure.")
	gauge(jobEpochSeconds, "job_epoch_seconds", "How long the last epoch took, from its barrier to the sink.")
	counter(jobLate, "job_late_rows_total", "Rows that came after their window was final.")
	gauge(jobExpired, "job_expired_keys", "Keys asked for after their state had expired, since the job started, at least.")
	operator := []string{"operator", "name"}
	counter(operatorRowsIn, "operator_rows_in_total", "Rows that came to an operator.", operator...)
	counter(operatorRowsOut, "operator_rows_out_total", "Rows that left an operator.", operator...)
	counter(operatorCPU, "operator_cpu_seconds_total", "CPU time of an operator.", operator...)
	counter(operatorBusy, "operator_busy_seconds_total", "Time that an operator worked.", operator...)
	counter(operatorInputWait, "operator_input_wait_seconds_total", "Time that an operator's workers had nothing to read.", operator...)
	counter(operatorOutputWait, "operator_output_wait_seconds_total", "Time that an operator's workers waited for room behind it.", operator...)
	gauge(operatorMemory, "operator_memory_bytes", "State that an operator holds in memory.", operator...)
	split := []string{"table", "split"}
	gauge(splitPosition, "split_position", "Offset of the next row of a partition.", split...)
	gauge(splitEnd, "split_end", "Offset behind the newest row of a partition.", split...)
	gauge(splitWaiting, "split_waiting_rows", "Rows of a partition that were not read yet.", split...)
	gauge(splitLag, "split_lag_seconds", "From now back to the newest row that was read of a partition, if some wait.", split...)
	return all
}

// millisecond is one, in seconds.
const millisecond = 1e-3

// showKnown shows a number in a unit if it is known.
func showKnown[N int64 | float64](show func(place int, value float64), place int, value *N, unit float64) {
	if value != nil {
		show(place, float64(*value)*unit)
	}
}

// showJobs shows the readings of all jobs.
func (s *Server) showJobs(show func(place int, value float64, labels ...string)) {
	for _, j := range s.statuses() {
		job := func(place int, value float64) { show(place, value, j.Name) }
		job(jobRowsIn, float64(j.RowsIn))
		job(jobRowsOut, float64(j.RowsOut))
		job(jobRestarts, float64(j.Restarts))
		job(jobLate, float64(j.LateRows))
		job(jobExpired, float64(j.ExpiredKeys))
		showKnown(job, jobCPU, j.CPUSeconds, 1)
		showKnown(job, jobMemory, j.MemoryBytes, 1)
		showKnown(job, jobState, j.StateBytes, 1)
		showKnown(job, jobSpilled, j.SpilledBytes, 1)
		showKnown(job, jobBackPressure, j.BackPressure, 1)
		showKnown(job, jobWaiting, j.Waiting, 1)
		showKnown(job, jobLag, j.LagMillis, millisecond)
		showKnown(job, jobEpochSeconds, j.EpochMillis, millisecond)
		for _, o := range j.Operators {
			operator := func(place int, value float64) { show(place, value, j.Name, strconv.Itoa(o.ID), o.Name) }
			operator(operatorRowsIn, float64(o.RowsIn))
			operator(operatorRowsOut, float64(o.RowsOut))
			operator(operatorCPU, o.CPUSeconds)
			operator(operatorBusy, o.BusySeconds)
			operator(operatorInputWait, o.InputWaitSeconds)
			operator(operatorOutputWait, o.OutputWaitSeconds)
			showKnown(operator, operatorMemory, o.MemoryBytes, 1)
		}
		for _, source := range j.Sources {
			for _, p := range source.Splits {
				split := func(place int, value float64) { show(place, value, j.Name, source.Table, p.Name) }
				showKnown(split, splitPosition, p.Position, 1)
				showKnown(split, splitEnd, p.End, 1)
				showKnown(split, splitWaiting, p.Waiting, 1)
				showKnown(split, splitLag, p.LagMillis, millisecond)
			}
		}
	}
}
