package operator

import "tidemark/base/batch"

// renew begins the groups anew that are over, notes that all groups of prepared
// rows are written, and gives the rows that count: what is taken back from a group
// without rows is of one that has expired.
func (a *Aggregate) renew(rows *batch.Batch, codes []uint32, fresh []uint16) (*batch.Batch, []uint32) {
	if a.expiry == nil {
		return rows, codes
	}
	a.expiry.tick()
	for _, row := range fresh {
		a.expiry.ask(a.groups.table.key(codes[row]))
	}
	for _, code := range codes {
		// What has changed since the last Flush is shown first.
		if a.expiry.isOver(code) && a.groups.flags[code]&changed == 0 {
			key := a.groups.table.key(code)
			a.expiry.expired(key)
			a.expiry.ask(key)
			a.groups.empty(code)
			a.shown.drop(code)
		}
		a.expiry.write(code)
	}
	return a.known(rows, codes)
}

// known leaves out what is taken back from groups that have no rows.
func (a *Aggregate) known(rows *batch.Batch, codes []uint32) (*batch.Batch, []uint32) {
	retracts := retractions(rows)
	if retracts == nil {
		return rows, codes
	}
	counts := map[uint32]int64{}
	sel := make([]uint16, 0, rows.Rows)
	var kept []uint32
	for i, code := range codes {
		n, counted := counts[code]
		if !counted {
			n = a.groups.rows[code]
		}
		switch {
		case !retracts[i]:
			n++
		case n <= 0:
			continue
		default:
			n--
		}
		counts[code] = n
		sel, kept = append(sel, uint16(i)), append(kept, code)
	}
	if len(sel) == rows.Rows {
		return rows, codes
	}
	some := *rows
	some.Sel = sel
	return some.Compact(), kept
}

// expire forgets the groups that are over. The one group of all rows stays until
// the next row: it is only one, and has to be known at the end of the input.
func (a *Aggregate) expire() {
	if IsGlobal(a.node) {
		return
	}
	a.expiry.sweep(func(code uint32) {
		a.expiry.expired(a.groups.table.key(code))
		a.drop(code)
	})
}
