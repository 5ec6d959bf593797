package job

import (
	"tidemark/base/problem"
	"tidemark/engine/operator"
)

// DefaultMemoryBudget is the state that a job may hold in memory where a Spec
// says nothing, in bytes.
const DefaultMemoryBudget = 4 << 30

// shareMin is the least that an operator can work with, in bytes.
const shareMin = 1 << 20

// shares is how many operators of tasks there are for which is true.
func (b *blueprint) shares(parallelism int, is func(*element) bool) int {
	n := 0
	for _, s := range b.stages {
		n += s.root.count(is)
	}
	return n * parallelism
}

// count is for how many elements from e downwards is is true.
func (e *element) count(is func(*element) bool) int {
	n := 0
	if is(e) {
		n = 1
	}
	for _, in := range e.inputs {
		n += in.count(is)
	}
	return n
}

// divideMemory gives every operator that can spill the same share of the budget.
// Those with state by key lend each other what they do not need.
func (j *Job) divideMemory() error {
	shares := j.blueprint.shares(j.spec.Parallelism, func(e *element) bool { return e.spills })
	if shares == 0 {
		return nil
	}
	if j.spec.MemoryBudget == 0 {
		j.spec.MemoryBudget = max(DefaultMemoryBudget, int64(shares)*shareMin)
	}
	j.share = j.spec.MemoryBudget / int64(shares)
	if j.share < shareMin {
		return problem.New(problem.InvalidOption, "%d bytes of memory are too little for the state of the job", j.spec.MemoryBudget).
			WithHint("raise 'tidemark.state.memory' to %d MB or more: each operator needs %d MB for each worker", (shares*shareMin)>>20, shareMin>>20)
	}
	pooled := j.blueprint.shares(j.spec.Parallelism, func(e *element) bool { return e.pooled })
	j.pool = operator.NewPool(j.share * int64(pooled))
	return nil
}

// removeSpilled removes the files of what did not fit in memory.
func (j *Job) removeSpilled() {
	j.measureSpilled()
	if err := j.spill.Close(); err != nil {
		j.spec.Log.Warn("job: spilled state was not removed", "job", j.spec.Name, "error", err)
	}
}

// measureSpilled notes how much is in files, if it is more than before.
func (j *Job) measureSpilled() {
	if size := j.spill.Size(); size > j.status.spilled.Load() {
		j.status.spilled.Store(size)
	}
}

// limited adds an operator's share of the memory to what it knows.
func (j *Job) limited(env operator.Environment, e *element) operator.Environment {
	if e.spills {
		env.Memory, env.Spill, env.SpillBatches = j.share, j.spill, j.spec.SpillBatches
	}
	if e.pooled {
		env.Pool = j.pool
	}
	return env
}
