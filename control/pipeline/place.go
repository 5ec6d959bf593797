package pipeline

import (
	"sort"

	"tidemark/base/problem"
)

// sortByPlace orders problems as a reader goes through the files.
func sortByPlace(all problem.List) {
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i].Position, all[j].Position
		switch {
		case a.File != b.File:
			return a.File < b.File
		case a.Line != b.Line:
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
}
