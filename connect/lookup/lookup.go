// Package lookup keeps tables, or parts of them, in memory so that joins can ask
// for their rows by key: what stands behind FOR SYSTEM_TIME AS OF a processing
// time.
//
// It is no connector: rows come from a connect.Source (Whole), or from whoever
// answers questions by key (Asked). It reads no options.
//
// Flow of a Whole: the first Lookup reads the source to its end → an index by key
// → all Lookups until the next reload.
// Flow of an Asked: keys that are not in the cache are asked for together → the
// answer is indexed, and cached if that is wanted.
//
// Invariants:
//  1. An index does not change after it was made; answers share its columns.
//  2. Of rows with a primary key only the last one of each key is found.
package lookup

// Limits.
const (
	// RowsMax and BytesMax bound a table that is held as a whole: its rows, with
	// those that were replaced since, and their texts.
	RowsMax  = 20_000_000
	BytesMax = 1 << 30
	// CachedMax is how many rows a cache holds where its owner says nothing.
	CachedMax = 100_000
)
