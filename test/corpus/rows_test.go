package corpus

import (
	"strings"

	"tidemark/base/batch"
	"tidemark/test/trial"
)

// expectedRows are the rows that a block's expectation leaves in a table.
func expectedRows(command, expected string) ([]string, error) {
	a := &trial.Answer{}
	for line := range strings.Lines(expected) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "-- ") {
			continue
		}
		if command == "query" {
			a.Changes = append(a.Changes, trial.Change{Kind: batch.Insert, Row: line})
			continue
		}
		kind, row, _ := strings.Cut(line, " ")
		for k := batch.Insert; k <= batch.Delete; k++ {
			if k.String() == kind {
				a.Changes = append(a.Changes, trial.Change{Kind: k, Row: row})
			}
		}
	}
	return a.Rows()
}
