package connect

// Positioner is a Reader of a split whose rows are numbered, such as a partition of a
// topic.
type Positioner interface {
	// Position is the number of the next row that Read gives, and End that behind the
	// newest row there is; negative where unknown. Numbers may have gaps. Any goroutine
	// may call it.
	Position() (next, end int64)
}
