package embedded

import (
	"math"
	"strconv"
	"strings"

	"tidemark/base/problem"
	"tidemark/engine/job"
)

// memorySetting is how much state the operators of one statement may hold in
// memory, such as '512 MB'; what is more goes to files.
const memorySetting = "tidemark.state.memory"

// memoryUnits are the names of sizes, as Flink knows them.
var memoryUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1,
	"k": 1 << 10, "kb": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "g": 1 << 30, "gb": 1 << 30, "t": 1 << 40, "tb": 1 << 40,
}

// ParseMemory reads a size of memory: a number and a unit, of which each is 1024
// of the one before. The error is a problem.Problem.
func ParseMemory(text string) (bytes int64, err error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, known := memoryUnits[strings.ToLower(text[len(number):])]
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || !known || n <= 0 || n > math.MaxInt64/unit {
		return 0, problem.New(problem.InvalidOption, "%q is no size of memory", text).
			WithHint("write a number and B, KB, MB, GB or TB, such as '512 MB'; without the setting it is %d GB", job.DefaultMemoryBudget>>30)
	}
	return n * unit, nil
}
