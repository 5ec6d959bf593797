package plan

// Remembers reports whether an operator keeps rows by itself, or what it has made of
// them. What waits for an answer from outside is not meant.
func Remembers(n Node) bool {
	switch n.(type) {
	case *Aggregate, *WindowAggregate, *Join, *MultiJoin, *TemporalJoin, *Over, *Rank, *Match, *Normalize:
		return true
	}
	return false
}
