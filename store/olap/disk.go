package olap

import (
	"strings"

	"tidemark/base/problem"
)

// diskProblem recognizes DuckDB's words for a full disk and for a block that its
// checksum does not fit. Tables that are in other blocks can be used as before.
func diskProblem(err error) error {
	text := err.Error()
	if strings.Contains(text, "No space left") || strings.Contains(text, "Could not write") && strings.Contains(text, "space") {
		return problem.New(problem.DiskFull, "the hot store's disk is full").WithHint("free some space; writing goes on by itself").Retryable()
	}
	if _, found, ok := strings.Cut(text, "Corrupt database file: "); ok {
		found, _, _ = strings.Cut(found, "\n")
		return problem.New(problem.Corrupt, "%s, which holds the stored tables, is damaged: %s", fileName, found).
			WithHint("stop Tidemark, move the file away and start it again: the tables are built again from the event log")
	}
	return err
}
