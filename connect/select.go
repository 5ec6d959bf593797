package connect

// Selector is a Source that can tell which rows pass conditions before it has read
// all of them, and need not do so much for the others.
type Selector interface {
	// Select offers a selection, once and before the first Open, and tells which of
	// its conditions the source takes. If it takes some, the Sel of each batch is the
	// rows that pass these, nil when all do; all rows are there, and what is wrong
	// with any is told as ever. A source of changes takes none.
	Select(offered Selection) (taken []bool)
}

// Selection is what is wanted of the rows of a source.
type Selection struct {
	Conditions []Condition // all of them are to be TRUE
	// Whole has true for a column of the request whose values count in all rows. In
	// the others, a row that does not pass may have any value.
	Whole []bool
}
