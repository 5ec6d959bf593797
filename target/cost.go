package target

import "time"

// Operator is a part of a job's plan with what it costs.
type Operator struct {
	ID      int      // from 1, in the order of the plan; 0 is the sink, with the store of the epochs before it
	Name    string   // what it is and does, in a line
	Details []string // what more there is to say of it
	Inputs  []int    // IDs of what feeds it
	Workers []Worker // by number
}

// Worker is what one worker's part of an operator has cost since the job's run began.
type Worker struct {
	RowsIn, RowsOut   int64
	BytesIn, BytesOut int64 // about, of the rows as they are in memory
	CPU               time.Duration
	Busy              time.Duration // that it worked, on a processor or not
	InputWait         time.Duration // that it had nothing to read
	OutputWait        time.Duration // that it waited for room behind it: back-pressure
	StateBytes        int64         // that it holds in memory; negative when it does not count them
	Recent            Load
}

// Load is what a worker's part of an operator has been doing over about the last
// second.
type Load struct {
	RowsIn, RowsOut             float64 // a second
	CPU                         float64 // processors
	Busy, InputWait, OutputWait float64 // parts of the time
}

// Holdup is who holds a job back: the operator with the largest part of what the
// busiest worker does while the sources wait, or have rows waiting.
type Holdup struct {
	Operator int     // ID
	Busy     float64 // part of the time that this worker works
}

// Source is how far a job has read a table.
type Source struct {
	Table     string
	Watermark int64 // ms, combined
	Splits    []Split
}

// Split is how far a part of a source was read.
type Split struct {
	Name          string
	Position, End int64         // the next row's number, and that behind the newest one; negative where unknown
	LagRows       int64         // that wait to be read; negative when unknown
	LagAge        time.Duration // from now back to the newest row that was read, if some wait; negative when unknown
	Watermark     int64         // ms
	Idle          bool
	Ended         bool
	LastRow       time.Time // zero for never
}
