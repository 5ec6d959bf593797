package olap

import (
	"crypto/sha256"
	"database/sql/driver"
	"errors"

	"github.com/duckdb/duckdb-go/v2"

	"tidemark/base/batch"
)

// digestColumn is the column of a multiset that holds each row's digest: the
// first 16 bytes of SHA-256 of the row as batch.AppendKey writes it. Equal rows
// have equal digests, and comparing them is cheaper than comparing rows.
const digestColumn = "tidemark_digest"

// netRow is how many copies of a row an epoch adds; fewer than none if it takes
// some away.
type netRow struct {
	digest duckdb.UUID
	copies int
	added  place // any of the copies that were added
}

// net sums up what an epoch does to each row, in order of first appearance.
func (w *Writer) net(batches []*batch.Batch) []netRow {
	var rows []netRow
	index := map[duckdb.UUID]int{}
	var text []byte
	for _, b := range batches {
		b.Each(func(i int) {
			text = batch.AppendKey(text[:0], b.Columns, i)
			sum := sha256.Sum256(text)
			digest := duckdb.UUID(sum[:16])
			at, known := index[digest]
			if !known {
				at = len(rows)
				index[digest] = at
				rows = append(rows, netRow{digest: digest})
			}
			if b.Kind(i).Retracts() {
				rows[at].copies--
			} else {
				rows[at].copies++
				rows[at].added = place{b, i}
			}
		})
	}
	return rows
}

// count applies an epoch to a multiset. A row that is taken away and not there
// is no error: retention may have removed it.
func (w *Writer) count(batches []*batch.Batch) error {
	rows := w.net(batches)
	if err := w.take(rows); err != nil {
		return err
	}
	appender, err := duckdb.NewAppenderFromConn(w.mu.conn, "", w.table.stored())
	if err != nil {
		return err
	}
	values := make([]driver.Value, len(w.table.Columns)+1)
	for _, r := range rows {
		if r.copies <= 0 {
			continue
		}
		values[len(values)-1] = r.digest
		err := w.convert(values, r.added.b, r.added.row)
		for n := 0; n < r.copies && err == nil; n++ {
			err = appender.AppendRow(values...)
		}
		if err != nil {
			return errors.Join(err, appender.Clear(), appender.Close())
		}
	}
	return appender.Close()
}

// take removes as many copies of each row as the epoch takes away on balance.
func (w *Writer) take(rows []netRow) error {
	var gone []netRow
	for _, r := range rows {
		if r.copies < 0 {
			gone = append(gone, r)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	digest, err := duckdb.NewTypeInfo(duckdb.TYPE_UUID)
	if err != nil {
		return err
	}
	copies, err := duckdb.NewTypeInfo(duckdb.TYPE_BIGINT)
	if err != nil {
		return err
	}
	table, column := quote(w.table.stored()), quote(digestColumn)
	text := "DELETE FROM " + table + " WHERE rowid IN (SELECT place FROM (SELECT t.rowid AS place, a.copies, row_number() OVER (PARTITION BY t." + column +
		") AS copy FROM " + table + " t JOIN appended_data a ON t." + column + " = a.digest) WHERE copy <= copies)"
	appender, err := duckdb.NewQueryAppender(w.mu.conn, text, "", []duckdb.TypeInfo{digest, copies}, []string{"digest", "copies"})
	if err != nil {
		return err
	}
	for _, r := range gone {
		if err := appender.AppendRow(r.digest, int64(-r.copies)); err != nil {
			return errors.Join(err, appender.Clear(), appender.Close())
		}
	}
	return appender.Close()
}
