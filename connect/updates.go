package connect

// Updates is what a sink has to be told of a row that changes.
type Updates uint8

// The kinds of sinks. Most need the row as it was and as it is. To those that keep
// rows by key it is enough to hear of the row as it is, if the primary key tells
// which one that is. Some need nothing else, whatever there was.
const (
	UpdatesWhole Updates = iota
	UpdatesByKey
	UpdatesAfter
)
