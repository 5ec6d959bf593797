package connect

// FieldSkipper is a Source that can leave out fields of ROW columns.
type FieldSkipper interface {
	// SkipFields tells, once and before the first Open, which fields nobody
	// reads: by column of the request and by field, nil for a column of which all
	// are read. In place of the column of such a field, a batch may have one
	// without data.
	SkipFields(unread [][]bool)
}
