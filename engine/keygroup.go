package engine

import "tidemark/base/batch"

// keyGroupSeed is part of the format of stored state: with another seed, keys
// would be looked for in groups where they are not.
const keyGroupSeed = 0x7469_6465_6d61_726b

// GroupOf is the key group of a key in key form (batch.AppendKey).
func GroupOf(key []byte) KeyGroup {
	return KeyGroup(batch.Hash(keyGroupSeed, key) >> 32 % KeyGroups)
}

// Has reports whether the worker looks after the group.
func (w Worker) Has(g KeyGroup) bool { return g >= w.From && g < w.To }
