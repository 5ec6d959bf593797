package plan

// UniqueKey gives columns of n of which no two rows, as the table stands at
// any moment, have the same values: those by which changes are applied. ok is
// false when none are known; no columns and ok means at most one row.
func UniqueKey(n Node) (columns []int, ok bool) {
	switch n := n.(type) {
	case *Scan:
		return scanKey(n)
	case *Watermark:
		return UniqueKey(n.Input)
	case *Filter:
		return UniqueKey(n.Input)
	case *Sort:
		return UniqueKey(n.Input)
	case *Limit:
		return UniqueKey(n.Input)
	case *Project:
		return projectKey(n)
	case *Aggregate:
		return groupKey(len(n.Keys), n.Sets, len(n.Calls), n.Groupings)
	case *WindowAggregate:
		return windowKey(n)
	}
	return nil, false
}

func scanKey(n *Scan) ([]int, bool) {
	if len(n.Table.PrimaryKey) == 0 {
		return nil, false
	}
	var key []int
	for _, column := range n.Table.PrimaryKey {
		at := -1
		for i, c := range n.Columns {
			if c == column {
				at = i
			}
		}
		if at < 0 {
			return nil, false
		}
		key = append(key, at)
	}
	return key, true
}

func projectKey(n *Project) ([]int, bool) {
	below, ok := UniqueKey(n.Input)
	if !ok {
		return nil, false
	}
	var key []int
	for _, column := range below {
		at := -1
		for i, e := range n.Exprs {
			if c, is := e.(*Column); is && c.Index == column && at < 0 {
				at = i
			}
		}
		if at < 0 {
			return nil, false
		}
		key = append(key, at)
	}
	return key, true
}

// groupKey is all keys; with several grouping sets a NULL may be a value or a
// column left out, which only a GROUPING_ID of all keys tells apart.
func groupKey(keys int, sets [][]int, calls int, groupings [][]int) ([]int, bool) {
	key := make([]int, keys)
	for i := range key {
		key[i] = i
	}
	if len(sets) <= 1 {
		return key, true
	}
	for i, g := range groupings {
		if coversAll(g, keys) {
			return append(key, keys+calls+i), true
		}
	}
	return nil, false
}

func coversAll(set []int, keys int) bool {
	for i := range keys {
		if !contains(set, i) {
			return false
		}
	}
	return true
}

// windowKey is the group key and what is there of the window's bounds. The end
// alone tells windows apart, the start does not for CUMULATE.
func windowKey(n *WindowAggregate) ([]int, bool) {
	key, ok := groupKey(len(n.Keys), n.Sets, len(n.Calls), n.Groupings)
	if !ok {
		return nil, false
	}
	start, end := -1, -1
	first := len(n.Keys) + len(n.Calls) + len(n.Groupings)
	for i, p := range n.Properties {
		switch p.Kind {
		case WindowStart:
			start = first + i
		case WindowEnd:
			end = first + i
		case WindowTime:
			if end < 0 {
				end = first + i
			}
		}
	}
	switch {
	case start >= 0 && end >= 0:
		return append(key, start, end), true
	case end >= 0:
		return append(key, end), true
	case start >= 0 && n.Spec.Kind != Cumulate:
		return append(key, start), true
	}
	return nil, false
}
