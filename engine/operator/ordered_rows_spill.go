package operator

import "encoding/binary"

// held is about how many bytes the rows take.
func (o *orderedRows) held() int64 {
	return o.table.held() + o.runs.held() + o.rows.held() + o.owners.held() + o.arrivals.held() + o.flags.held() +
		4*int64(cap(o.unused)+cap(o.removed)+cap(o.unsaved))
}

// has reports whether a partition is there.
func (o *orderedRows) has(key []byte) bool {
	_, here := o.table.get(key)
	return here
}

// appendRow appends a row for the files: when it arrived, and what is stored of it.
func (o *orderedRows) appendRow(to []byte, row uint32) []byte {
	return appendSized(binary.AppendVarint(to, int64(*o.arrivals.at(row))), o.rows.get(row))
}

// bringRow takes a row back that appendRow wrote.
func (o *orderedRows) bringRow(code uint32, from *spilledState, flags rowFlags) (row uint32, err error) {
	arrival := uint64(from.number())
	stored := from.sized()
	if len(stored) == 0 {
		return 0, errSpilledState
	}
	o.arrived = max(o.arrived, arrival)
	row = o.number(code, arrival)
	o.rows.put(row, stored)
	o.runs.insert(code, row, o.compare)
	*o.flags.at(row) = flags
	return row, nil
}

// appendPartition appends all rows of a partition.
func (o *orderedRows) appendPartition(to []byte, code uint32) []byte {
	o.runs.each(code, func(row uint32) bool {
		to = o.appendRow(to, row)
		return true
	})
	return to
}

// bringPartition takes the rows of a partition back.
func (o *orderedRows) bringPartition(key []byte, from *spilledState, flags rowFlags) (code uint32, err error) {
	code = o.partitionOf(key)
	for len(from.rest) > 0 {
		if _, err := o.bringRow(code, from, flags); err != nil {
			return 0, err
		}
	}
	if from.short {
		return 0, errSpilledState
	}
	return code, nil
}

// broughtFlags are the flags of rows that come back from files: those were saved
// when they went there.
func (e Environment) broughtFlags() rowFlags {
	if e.Saves {
		return rowSaved
	}
	return 0
}

// forget forgets all rows, but not how many there were: those that come are behind
// them.
func (o *orderedRows) forget() {
	*o = orderedRows{
		schema: o.schema, partition: o.partition, order: o.order, latestFirst: o.latestFirst, program: o.program,
		table: newTable(), codes: o.codes, arrived: o.arrived,
	}
}
