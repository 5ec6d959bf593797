package httpapi

import "time"

// Operator is a part of a job's plan with what it costs on all its workers, since the
// job's present run began.
type Operator struct {
	ID                int             `json:"id" doc:"0 is the sink, with the store of the epochs before it"`
	Name              string          `json:"name" doc:"What it is and does"`
	Details           []string        `json:"details" doc:"What more there is to say of it"`
	Inputs            []int           `json:"inputs" doc:"Operators that feed it"`
	RowsIn            int64           `json:"rows_in"`
	RowsOut           int64           `json:"rows_out"`
	BytesIn           int64           `json:"bytes_in" doc:"About, as the rows are in memory"`
	BytesOut          int64           `json:"bytes_out"`
	CPUSeconds        float64         `json:"cpu_seconds"`
	BusySeconds       float64         `json:"busy_seconds" doc:"That it worked, on a processor or not, all workers together"`
	InputWaitSeconds  float64         `json:"input_wait_seconds" doc:"That its workers had nothing to read: it is idle"`
	OutputWaitSeconds float64         `json:"output_wait_seconds" doc:"That its workers waited for room behind it: back-pressure"`
	MemoryBytes       *int64          `json:"memory_bytes" doc:"Of its state; null when it keeps none or does not count it"`
	Recent            OperatorLoad    `json:"recent"`
	Workers           []OperatorShare `json:"workers" doc:"By number"`
}

// OperatorLoad is what an operator has been doing over about the last second.
type OperatorLoad struct {
	RowsInPerSecond  float64 `json:"rows_in_per_second"`
	RowsOutPerSecond float64 `json:"rows_out_per_second"`
	CPU              float64 `json:"cpu" doc:"Processors, all workers together"`
	Busy             float64 `json:"busy" doc:"Part of the time, 0 to 1, of the busiest worker"`
	InputWait        float64 `json:"input_wait" doc:"Part of the time, 0 to 1, on average"`
	OutputWait       float64 `json:"output_wait" doc:"Part of the time, 0 to 1, of the worker that waits most"`
}

// OperatorShare is one worker's part of an operator.
type OperatorShare struct {
	RowsIn      int64   `json:"rows_in"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	MemoryBytes *int64  `json:"memory_bytes"`
}

// Holdup is who holds a job back.
type Holdup struct {
	Operator int     `json:"operator" doc:"Its id: the largest part of what the busiest worker does"`
	Name     string  `json:"name"`
	Busy     float64 `json:"busy" doc:"Part of the time, 0 to 1, that this worker works"`
}

// JobSource is how far a job has read a table.
type JobSource struct {
	Table     string     `json:"table"`
	Watermark *time.Time `json:"watermark"`
	Splits    []JobSplit `json:"splits" doc:"Partitions or files"`
}

// JobSplit is how far a partition or file was read.
type JobSplit struct {
	Name      string     `json:"name"`
	Position  *int64     `json:"position" doc:"Offset of the next row; null where rows have none"`
	End       *int64     `json:"end" doc:"Offset behind the newest row"`
	Waiting   *int64     `json:"waiting_rows" doc:"Not read yet"`
	LagMillis *int64     `json:"lag_ms" doc:"From now back to the newest row that was read, if some wait; else 0"`
	Watermark *time.Time `json:"watermark"`
	Idle      bool       `json:"idle" doc:"Nobody waits for it"`
	Ended     bool       `json:"ended"`
	LastRow   *time.Time `json:"last_row_at"`
}
