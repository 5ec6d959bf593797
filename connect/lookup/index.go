package lookup

import (
	"math/rand/v2"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// Layout says what the rows of a table are and how they are asked for.
type Layout struct {
	Table   string // for messages
	Columns []value.Field
	Keys    []int // columns that are asked by
	Primary []int // columns by which a row replaces an earlier one; nil when none does
}

// index is rows that are found by their key: a hash table whose buckets are
// chains of rows in ascending order. It has no pointers for the garbage collector
// to follow but its few slices.
type index struct {
	columns []*batch.Column
	seed    uint64
	heads   []uint32 // of each bucket, its first row, from 1; a power of two of them
	next    []uint32 // of each row, the next one in its bucket, from 1
	hashes  []uint64
	keys    batch.Keys
}

// rows collects rows for an index.
type rows struct {
	layout  *Layout
	columns []*batch.Column
	kinds   []batch.Kind
}

func newRows(layout *Layout) *rows {
	r := &rows{layout: layout}
	for _, f := range layout.Columns {
		r.columns = append(r.columns, batch.NewColumn(f.Type, 0))
	}
	return r
}

// add appends the live rows of a batch.
func (r *rows) add(b *batch.Batch) error {
	if len(r.kinds)+b.Live() > RowsMax || r.bytes()+bytesOf(b.Columns) > BytesMax {
		return problem.New(problem.TooLarge, "table %s is looked up in memory, but it has more than %d rows or %d bytes of text", r.layout.Table, RowsMax, BytesMax).
			WithHint("use a regular join, or look up a smaller table")
	}
	b.Each(func(i int) {
		for c, column := range r.columns {
			column.Append(b.Columns[c], i)
		}
		r.kinds = append(r.kinds, b.Kind(i))
	})
	return nil
}

func (r *rows) bytes() int { return bytesOf(r.columns) }

// bytesOf is how long the texts of columns are, those inside others included.
func bytesOf(columns []*batch.Column) int {
	n := 0
	for _, c := range columns {
		n += len(c.Heap) + bytesOf(c.Children)
	}
	return n
}

// index makes the index of what was added.
func (r *rows) index() *index {
	x := &index{columns: r.columns, seed: rand.Uint64()}
	n := len(r.kinds)
	buckets := 1
	for buckets < 2*n {
		buckets *= 2
	}
	x.heads, x.next, x.hashes = make([]uint32, buckets), make([]uint32, n), make([]uint64, n)
	keys := columnsAt(r.columns, r.layout.Keys)
	x.keys.Encode(nil, keys, n)
	there := r.there()
	// From the last one on, so that each becomes the head of its chain.
	for i := n - 1; i >= 0; i-- {
		if there != nil && !there[i] || anyNull(keys, i) {
			continue
		}
		x.hashes[i] = batch.Hash(x.seed, x.keys.At(i))
		head := &x.heads[x.hashes[i]&uint64(buckets-1)]
		x.next[i], *head = *head, uint32(i)+1
	}
	return x
}

// there tells which rows have not been replaced or deleted since; nil when all
// are there.
func (r *rows) there() []bool {
	if r.layout.Primary == nil {
		return nil
	}
	var keys batch.Keys
	keys.Encode(nil, columnsAt(r.columns, r.layout.Primary), len(r.kinds))
	there, decided := make([]bool, len(r.kinds)), make(map[string]struct{}, len(r.kinds))
	for i := len(r.kinds) - 1; i >= 0; i-- {
		if _, known := decided[string(keys.At(i))]; known || r.kinds[i] == batch.UpdateBefore {
			continue
		}
		decided[string(keys.At(i))] = struct{}{}
		there[i] = r.kinds[i] != batch.Delete
	}
	return there
}

func columnsAt(columns []*batch.Column, places []int) []*batch.Column {
	at := make([]*batch.Column, len(places))
	for i, place := range places {
		at[i] = columns[place]
	}
	return at
}

func anyNull(columns []*batch.Column, row int) bool {
	for _, c := range columns {
		if c.IsNull(row) {
			return true
		}
	}
	return false
}

// find adds to found the rows of a key that is given in key form.
func (x *index) find(found *connect.Found, number uint32, key []byte) {
	hash := batch.Hash(x.seed, key)
	for at := x.heads[hash&uint64(len(x.heads)-1)]; at != 0; at = x.next[at-1] {
		if x.hashes[at-1] == hash && string(x.keys.At(int(at-1))) == string(key) {
			found.Keys, found.Rows = append(found.Keys, number), append(found.Rows, at-1)
		}
	}
}

// lookup answers for all keys.
func (x *index) lookup(keys []*batch.Column, count int) connect.Found {
	var encoded batch.Keys
	encoded.Encode(nil, keys, count)
	found := connect.Found{Columns: x.columns, Keys: make([]uint32, 0, count), Rows: make([]uint32, 0, count)}
	for i := range count {
		if !anyNull(keys, i) {
			x.find(&found, uint32(i), encoded.At(i))
		}
	}
	return found
}
