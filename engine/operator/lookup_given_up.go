package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
)

// GivenUpTypes are the columns of the rows that GiveUpTo is for: those of the
// join's input, then when the row came, when it was given up, and how many lookups
// found nothing.
func GivenUpTypes(n *plan.LookupJoin) []value.Type {
	var types []value.Type
	for _, c := range n.Input.Schema() {
		types = append(types, c.Type)
	}
	return append(types, value.TimestampLTZOf(3), value.TimestampLTZOf(3), value.IntType)
}

// GiveUpTo lets rows be told, before the first of them, for which nothing was
// found in the time that they had. Rows that take others back are not.
func (j *LookupJoin) GiveUpTo(take func(*batch.Batch)) { j.givenUp = take }

// giveUp tells of the rows without an answer. They have waited as it says, nil for
// not at all.
func (j *LookupJoin) giveUp(in *batch.Batch, found connect.Found, waited []*waitingLookup) {
	if j.givenUp == nil {
		return
	}
	var lost []uint16
	for i, hit := range hits(in, found) {
		if !hit && !in.Kind(i).Retracts() {
			lost = append(lost, uint16(i))
		}
	}
	if len(lost) == 0 {
		return
	}
	now := j.env.Context.Now.UnixMilli()
	// Times are in microseconds.
	came, gone, asked := batch.NewColumn(value.TimestampLTZOf(3), len(lost)), batch.NewColumn(value.TimestampLTZOf(3), len(lost)), batch.NewColumn(value.IntType, len(lost))
	for _, row := range lost {
		since, lookups := now, int64(1)
		if waited != nil {
			since, lookups = waited[row].came, int64(waited[row].asked)
		}
		came.Ints = append(came.Ints, since*1000)
		gone.Ints = append(gone.Ints, max(now, since)*1000)
		asked.Ints = append(asked.Ints, lookups)
	}
	part := *in
	part.Sel, part.Kinds, part.Marks = lost, nil, nil
	out := part.Compact()
	out.Columns = append(out.Columns[:len(out.Columns):len(out.Columns)], came, gone, asked)
	j.givenUp(out)
}
