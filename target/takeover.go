package target

import (
	"context"

	"tidemark/plan"
)

// Takeover is what an upgrade takes over from the job that runs, and so does not read
// again.
type Takeover struct {
	// Kept are the topmost operators, nodes of the job's plan, that keep their state;
	// with each, all below it keep theirs.
	Kept []plan.Node
	// Because says of operators that the running plan has as well why they do not.
	Because map[plan.Node]string
	// Behind is how many events come behind what is taken over, of tables that nothing
	// else of the plan reads; negative for those of other systems.
	Behind map[string]int64
}

// TakingOver is a Target whose upgrades take over state.
type TakingOver interface {
	// Takeover tells what an upgrade would take over if it began now.
	Takeover(ctx context.Context, job Job) (Takeover, error)
}
