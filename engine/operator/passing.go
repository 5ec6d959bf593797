package operator

import (
	"tidemark/engine"
	"tidemark/plan"
)

// KeepsNothing is true: rows and what is computed of them go on.
func (c *Calc) KeepsNothing() bool { return true }

// KeepsNothing is true, as of a Calc.
func (p *Prepare) KeepsNothing() bool { return true }

// KeepsNothing is true: rows go on.
func (Union) KeepsNothing() bool { return true }

// KeepsNothing is true unless late rows are put aside: keys and the states of calls
// are copies.
func (p *PartialWindows) KeepsNothing() bool { return p.node.Late.Action == plan.LateDrop }

// KeepsNothing is true: rows that are there are copies.
func (j *Join) KeepsNothing() bool { return true }

// KeepsNothing is true, as of a Join.
func (j *MultiJoin) KeepsNothing() bool { return true }

// KeepsNothing is true: rows that wait for partners are copies.
func (j *IntervalJoin) KeepsNothing() bool { return true }

// KeepsNothing is true: rows that wait for their window's end are copies.
func (j *WindowJoin) KeepsNothing() bool { return true }

// KeepsNothing is true: rows that are kept are copies.
func (r *Rank) KeepsNothing() bool { return true }

// KeepsNothing is true: first rows that wait are copies, and others go on.
func (k *KeepFirst) KeepsNothing() bool { return true }

// KeepsNothing is true: the rows of keys are copies.
func (o *Normalize) KeepsNothing() bool { return true }

// KeepsNothing is true, as of a Rank.
func (o *OverTable) KeepsNothing() bool { return true }

// KeepsNothing is true, as of a Rank.
func (o *OverStream) KeepsNothing() bool { return true }

// KeepsNothing is true: keys and the states of calls are copies.
func (a *Aggregate) KeepsNothing() bool { return true }

// KeepsNothing is true unless late rows are put aside, as of PartialWindows.
func (a *WindowAggregate) KeepsNothing() bool { return a.node.Late.Action == plan.LateDrop }

// KeepsNothing is as of the operator whose state goes to files.
func (s *Spilling) KeepsNothing() bool {
	of, ok := s.of.(engine.Passer)
	return ok && of.KeepsNothing()
}
