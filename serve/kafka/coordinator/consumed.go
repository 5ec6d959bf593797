package coordinator

import (
	"context"
	"maps"
	"slices"
)

func checkOffsets(group string, offsets []Offset) error {
	if len(group) > nameBytesMax || len(offsets) > partitionsMax {
		return ErrTooMany
	}
	for _, o := range offsets {
		if len(o.Metadata) > metadataBytesMax {
			return ErrTooMany
		}
	}
	return nil
}

// Commit notes offsets of a group. They are durable when it returns.
func (c *Coordinator) Commit(ctx context.Context, group string, offsets []Offset) error {
	if len(offsets) == 0 {
		return nil
	}
	if err := checkOffsets(group, offsets); err != nil {
		return err
	}
	return c.inTurn(groupTurn(group), func() error {
		if c.groupIsFull(group, len(offsets)) {
			return ErrTooMany
		}
		return c.record(ctx, entry{Op: opConsumed, Group: group, Offsets: offsets}, nil)
	})
}

func (c *Coordinator) groupIsFull(name string, more int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, known := c.mu.state.Groups[name]
	if !known {
		return len(c.mu.state.Groups) >= groupsMax
	}
	return len(g.Offsets)+more > 2*partitionsMax
}

// Committed is what a group has committed, by partition, and the partitions of
// which an open transaction may commit more.
func (c *Coordinator) Committed(group string) (offsets map[Partition]Offset, unstable map[Partition]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets, unstable = map[Partition]Offset{}, map[Partition]bool{}
	if g := c.mu.state.Groups[group]; g != nil {
		for _, o := range g.Offsets {
			offsets[o.Partition] = o
		}
	}
	for _, t := range c.mu.state.Transactions {
		for _, o := range t.Offsets[group] {
			unstable[o.Partition] = true
		}
	}
	return offsets, unstable
}

// Groups are the names of all groups that have committed something.
func (c *Coordinator) Groups() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.mu.state.Groups))
}

// Forget drops a group's offsets, and reports whether there were any.
func (c *Coordinator) Forget(ctx context.Context, group string) (known bool, err error) {
	err = c.inTurn(groupTurn(group), func() error {
		c.mu.Lock()
		_, known = c.mu.state.Groups[group]
		c.mu.Unlock()
		if !known {
			return nil
		}
		return c.record(ctx, entry{Op: opForget, Group: group}, nil)
	})
	return known, err
}
