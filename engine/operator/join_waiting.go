package operator

import (
	"cmp"
	"slices"
	"unsafe"

	"tidemark/base/batch"
)

// waitingRows are rows of one side of a join, in stored form, that wait until the
// rows of their keys are read back. They are taken in the order of the hashes of
// their keys, rows of one key in the order in which they came.
type waitingRows struct {
	rows     joinRows
	kinds    []batch.Kind
	order    []hashedRow
	included int // of order: how many rows' keys are there
	taken    int // of order
}

type hashedRow struct {
	hash uint64
	row  uint32
}

// held is how many bytes the rows take.
func (w *waitingRows) held() int64 {
	r := &w.rows
	return int64(cap(r.bytes)+8*(cap(r.starts)+cap(r.keyEnds)+cap(r.hashes))+cap(w.kinds)) + int64(w.count())*int64(unsafe.Sizeof(hashedRow{}))
}

func (w *waitingRows) count() int { return len(w.kinds) }

// add takes the rows of a batch, whose stored form is encoded.
func (w *waitingRows) add(encoded *joinRows, rows *batch.Batch) {
	for i := range rows.Rows {
		w.rows.add(encoded, i)
		w.kinds = append(w.kinds, rows.Kind(i))
	}
}

// sort puts the rows into the order in which they are taken.
func (w *waitingRows) sort() {
	w.order = make([]hashedRow, len(w.kinds))
	for i, hash := range w.rows.hashes {
		w.order[i] = hashedRow{hash, uint32(i)}
	}
	slices.SortFunc(w.order, func(a, b hashedRow) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return cmp.Compare(a.row, b.row)
	})
}

// next is the hash of the first row that is not included.
func (w *waitingRows) next() (hash uint64, more bool) {
	if w.included == len(w.order) {
		return 0, false
	}
	return w.order[w.included].hash, true
}

// bytesOf is about how many bytes the rows with the hash, which is next or comes
// before it, will take in the side.
func (w *waitingRows) bytesOf(hash uint64) int64 {
	n := 0
	for _, at := range w.order[w.included:] {
		if at.hash != hash {
			break
		}
		n += len(w.rows.row(int(at.row))) + joinRowBytes
	}
	return int64(n)
}

// include says that the key with the hash, which is next or comes before it, is
// there.
func (w *waitingRows) include(hash uint64) {
	for w.included < len(w.order) && w.order[w.included].hash == hash {
		w.included++
	}
}

// takeIncluded calls take with the rows that are included and were not taken yet,
// as batches whose stored form is in encoded.
func (w *waitingRows) takeIncluded(in *joinInput, encoded *joinRows, take func(*batch.Batch) error) error {
	for w.taken < w.included {
		part := w.order[w.taken:min(w.included, w.taken+batch.MaxRows)]
		w.taken += len(part)
		encoded.clear()
		decoded := decodedRows{input: in}
		rows := &batch.Batch{Rows: len(part)}
		for i, at := range part {
			encoded.add(&w.rows, int(at.row))
			if err := decoded.add(w.rows.row(int(at.row))); err != nil {
				return err
			}
			kind := w.kinds[at.row]
			if kind != batch.Insert && rows.Kinds == nil {
				rows.Kinds = make([]batch.Kind, len(part))
			}
			if rows.Kinds != nil {
				rows.Kinds[i] = kind
			}
		}
		var err error
		if rows.Columns, err = decoded.inOrder(); err != nil {
			return err
		}
		if err := take(rows); err != nil {
			return err
		}
	}
	return nil
}
