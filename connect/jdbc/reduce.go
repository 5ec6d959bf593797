package jdbc

import "tidemark/base/batch"

// change is where a change of an epoch stands.
type change struct {
	b   *batch.Batch
	row int
}

func (c change) retracts() bool { return c.b.Kind(c.row).Retracts() }

// settled is what an epoch leaves behind of each key, in the order in which keys
// appear: a row that is there now, or one that is not there any more.
//
// The last change of a key counts if it adds a row. When the last one takes a row
// away, another worker may have put a new row of the key in front of it: the row
// that was added and not taken away counts then. With upserts that cannot be, and
// what an update replaced is not taken away either: the last change counts.
func settled(batches []*batch.Batch, key []int, upserts bool) (there, gone []change) {
	numbers := map[string]int{}
	var changes [][]change // of each key
	var form []byte
	for _, b := range batches {
		columns := make([]*batch.Column, len(key))
		for i, k := range key {
			columns[i] = b.Columns[k]
		}
		b.Each(func(row int) {
			form = batch.AppendKey(form[:0], columns, row)
			number, known := numbers[string(form)]
			if !known {
				number = len(changes)
				numbers[string(form)] = number
				changes = append(changes, nil)
			}
			changes[number] = append(changes[number], change{b, row})
		})
	}
	for _, of := range changes {
		last := of[len(of)-1]
		if !last.retracts() {
			there = append(there, last)
		} else if left, is := notTakenAway(of); is && !upserts {
			there = append(there, left)
		} else {
			gone = append(gone, last)
		}
	}
	return there, gone
}

// notTakenAway finds the row among the changes of a key that was added more often
// than it was taken away.
func notTakenAway(of []change) (left change, is bool) {
	if len(of) == 1 {
		return left, false
	}
	net := map[string]int{}
	var row []byte
	for _, c := range of {
		row = batch.AppendKey(row[:0], c.b.Columns, c.row)
		if c.retracts() {
			net[string(row)]--
		} else {
			net[string(row)]++
		}
	}
	for _, c := range of {
		row = batch.AppendKey(row[:0], c.b.Columns, c.row)
		if !c.retracts() && net[string(row)] > 0 {
			return c, true
		}
	}
	return left, false
}
