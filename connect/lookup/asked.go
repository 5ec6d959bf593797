package lookup

import (
	"context"
	"fmt"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
)

// Ask gives a function at least the rows of a table whose key columns equal one
// of the keys; the keys have no NULLs. Batches are valid during the call.
type Ask func(ctx context.Context, keys []*batch.Column, rows int, each func(*batch.Batch) error) error

// Asked is a table that is asked by key, once for all keys of a batch. It
// fulfils connect.Lookuper.
type Asked struct {
	layout Layout
	ask    Ask
	cache  *cache       // nil for none
	close  func() error // nil for nothing
}

// AskedOptions is how a table is asked.
type AskedOptions struct {
	Cache *CacheOptions    // nil: every batch asks anew
	Now   func() time.Time // nil means time.Now
	Close func() error     // what to do when nobody asks any more; nil for nothing
}

// NewAsked asks for the rows of a table.
func NewAsked(layout Layout, ask Ask, options AskedOptions) *Asked {
	a := &Asked{layout: layout, ask: ask, close: options.Close}
	if options.Cache != nil {
		now := options.Now
		if now == nil {
			now = time.Now
		}
		a.cache = newCache(*options.Cache, now)
	}
	return a
}

// Settled is false: the table may have changed the next time.
func (a *Asked) Settled() bool { return false }

// Close releases what is asked.
func (a *Asked) Close() error {
	if a.close == nil {
		return nil
	}
	return a.close()
}

// Lookup takes what the cache knows and asks for the other keys.
func (a *Asked) Lookup(ctx context.Context, keys []*batch.Column, rows int) (connect.Found, error) {
	var encoded batch.Keys
	encoded.Encode(nil, keys, rows)
	distinct := newDistinct(&encoded, keys, rows)
	answers := make([][][]byte, len(distinct.first)) // of each distinct key
	var missing []uint32                             // distinct keys that the cache does not have
	for i, row := range distinct.first {
		known := false
		if a.cache != nil {
			answers[i], known = a.cache.get(encoded.At(int(row)))
		}
		if !known {
			missing = append(missing, uint32(i))
		}
	}
	if err := a.fill(ctx, keys, distinct, missing, answers); err != nil {
		return connect.Found{}, err
	}
	if a.cache != nil {
		for _, i := range missing {
			a.cache.put(encoded.At(int(distinct.first[i])), answers[i])
		}
	}
	return a.found(distinct, answers)
}

// distinctKeys numbers the different keys of a batch that have no NULL.
type distinctKeys struct {
	first []uint32 // of each number, the first row with the key
	of    []uint32 // of each row, the number of its key; noKey with a NULL
}

const noKey = ^uint32(0)

func newDistinct(encoded *batch.Keys, keys []*batch.Column, rows int) *distinctKeys {
	d := &distinctKeys{of: make([]uint32, rows)}
	numbers := make(map[string]uint32, rows)
	for row := range rows {
		if anyNull(keys, row) {
			d.of[row] = noKey
			continue
		}
		number, known := numbers[string(encoded.At(row))]
		if !known {
			number = uint32(len(d.first))
			numbers[string(encoded.At(row))] = number
			d.first = append(d.first, uint32(row))
		}
		d.of[row] = number
	}
	return d
}

// fill asks for the missing keys, and puts their rows, in key form, among the
// answers.
func (a *Asked) fill(ctx context.Context, keys []*batch.Column, distinct *distinctKeys, missing []uint32, answers [][][]byte) error {
	if len(missing) == 0 {
		return nil
	}
	wanted := make([]uint32, len(missing))
	for i, number := range missing {
		wanted[i] = distinct.first[number]
	}
	asked := make([]*batch.Column, len(keys))
	for i, column := range keys {
		asked[i] = column.GatherWide(wanted)
	}
	all := newRows(&a.layout)
	if err := a.ask(ctx, asked, len(wanted), all.add); err != nil {
		return fmt.Errorf("look up %d keys in table %s: %w", len(wanted), a.layout.Table, err)
	}
	index := all.index()
	found := index.lookup(asked, len(wanted))
	for i, key := range found.Keys {
		answers[missing[key]] = append(answers[missing[key]], batch.AppendKey(nil, index.columns, int(found.Rows[i])))
	}
	return nil
}

// found makes columns of the answers; keys of several rows share theirs.
func (a *Asked) found(distinct *distinctKeys, answers [][][]byte) (connect.Found, error) {
	found := connect.Found{Columns: newRows(&a.layout).columns}
	starts := make([]uint32, len(answers))
	next := uint32(0)
	for number, rows := range answers {
		starts[number] = next
		for _, row := range rows {
			if _, err := batch.AppendRow(found.Columns, row); err != nil {
				return found, fmt.Errorf("read a row of table %s: %w", a.layout.Table, err)
			}
			next++
		}
	}
	for row, number := range distinct.of {
		if number == noKey {
			continue
		}
		for i := range answers[number] {
			found.Keys, found.Rows = append(found.Keys, uint32(row)), append(found.Rows, starts[number]+uint32(i))
		}
	}
	return found, nil
}
