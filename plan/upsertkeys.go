package plan

import "slices"

// IsUpsertKey reports whether changes of n can be applied by the given columns
// without the rows before updates: an update never changes them, no two rows have
// the same values in them, and all changes of one key come in order, from one
// worker.
func IsUpsertKey(n Node, columns []int) bool {
	wanted := sortedKey(columns)
	return slices.ContainsFunc(upsertKeys(n), func(key []int) bool { return slices.Equal(sortedKey(key), wanted) })
}

func sortedKey(columns []int) []int { return slices.Compact(slices.Sorted(slices.Values(columns))) }

// upsertKeys are the unique keys that rows keep when they are updated. A unique key
// that is none is the auction of a bid among the highest bids by bidder: at another
// place of the list stands another auction.
func upsertKeys(n Node) [][]int {
	switch n := n.(type) {
	case *Scan:
		if n.Changing {
			return nil // the source may change a key in place
		}
		return uniqueKeys(n)
	case *Watermark, *Filter, *Shared:
		return upsertKeys(n.Inputs()[0])
	case *Project:
		return through(upsertKeys(n.Input), n.position)
	case *Aggregate:
		return groupKeys(n)
	case *WindowAggregate:
		return windowKeys(n)
	case *Rank:
		return rankUpsertKeys(n)
	case *Over:
		return holding(upsertKeys(n.Input), n.Partition)
	case *Normalize:
		return [][]int{n.Keys}
	}
	// Of what comes of several rows, another worker may tell than before.
	return nil
}

func rankUpsertKeys(n *Rank) [][]int {
	switch {
	case n.Function == RowNumber && n.From == n.To:
		return [][]int{n.Partition}
	case n.Function == RowNumber && n.Number:
		return [][]int{append(append([]int{}, n.Partition...), len(n.Input.Schema()))}
	}
	return holding(upsertKeys(n.Input), n.Partition)
}

// holding is the keys that hold all of the columns by which rows go to workers.
func holding(keys [][]int, columns []int) [][]int {
	return slices.DeleteFunc(slices.Clone(keys), func(key []int) bool {
		return slices.ContainsFunc(columns, func(c int) bool { return !slices.Contains(key, c) })
	})
}
