package vfs

import (
	"math/rand/v2"
	"path/filepath"
	"sort"
)

// Survival decides what a crash leaves of one change that was not synced: it
// is asked once for every change, in the order of the files' names and then of
// time, and answers how many of its bytes, from the first, reached the disk. A
// change of size or of a name counts as one byte. Writes are asked about block
// by block, because a device may store the blocks of a write in any order.
type Survival func(bytes int) (kept int)

// LoseAll keeps only what was synced.
func LoseAll(int) int { return 0 }

// KeepAll keeps everything, as when only the process dies.
func KeepAll(bytes int) int { return bytes }

// KeepFirst keeps the first n unsynced bytes and changes, and loses the rest.
func KeepFirst(n int) Survival {
	return func(bytes int) int {
		kept := min(n, bytes)
		n -= kept
		return kept
	}
}

// KeepRandom keeps none, all or a torn part of each change.
func KeepRandom(random *rand.Rand) Survival {
	return func(bytes int) int {
		switch random.IntN(3) {
		case 0:
			return 0
		case 1:
			return bytes
		default:
			return random.IntN(bytes + 1)
		}
	}
}

// CrashClone is the file system as it would be found after a power loss now.
// The receiver is not changed and goes on; locks are not held in the clone.
func (m *Mem) CrashClone(survives Survival) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	clone := NewMem()
	clone.mu.root = m.mu.root.afterCrash("/", survives)
	return clone
}

// afterCrash copies a node as a crash leaves it: all of it durable.
func (n *memNode) afterCrash(name string, survives Survival) *memNode {
	if !n.isDir {
		content := append([]byte(nil), n.durableContent...)
		for _, c := range n.pendingContent {
			content = c.survivors(content, survives)
		}
		return &memNode{name: name, content: content, durableContent: append([]byte(nil), content...)}
	}
	after := newMemDir(name)
	left := make(map[string]*memNode, len(n.durableNames))
	for child, node := range n.durableNames {
		left[child] = node
	}
	// Directories are journaled: names change in order, so that nothing after
	// the first lost change is kept.
	for _, c := range n.pendingNames {
		if survives(1) == 0 {
			break
		}
		c.apply(left)
	}
	children := make([]string, 0, len(left))
	for child := range left {
		children = append(children, child)
	}
	sort.Strings(children)
	for _, child := range children {
		node := left[child].afterCrash(filepath.Join(name, child), survives)
		after.names[child], after.durableNames[child] = node, node
	}
	return after
}

// survivors applies what is left of c to content.
func (c contentChange) survivors(content []byte, survives Survival) []byte {
	if c.bytes == nil {
		if survives(1) > 0 {
			return c.apply(content)
		}
		return content
	}
	for start := 0; start < len(c.bytes); start += BlockSize {
		block := c.bytes[start:min(start+BlockSize, len(c.bytes))]
		if kept := survives(len(block)); kept > 0 {
			content = contentChange{offset: c.offset + int64(start), bytes: block[:kept]}.apply(content)
		}
	}
	return content
}

// Flip inverts bits of one stored byte, durably, as a failing disk does.
func (m *Mem) Flip(name string, offset int64, bits byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil || offset >= int64(len(node.content)) {
		return pathError("flip", name, errNoSuchByte)
	}
	node.content[offset] ^= bits
	if offset < int64(len(node.durableContent)) {
		node.durableContent[offset] ^= bits
	}
	return nil
}
