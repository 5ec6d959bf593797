package vfs

import "os"

// TemporaryDir makes a new empty folder among the machine's temporary files,
// whose name begins with prefix. The caller removes it with RemoveTree.
func TemporaryDir(prefix string) (string, error) { return os.MkdirTemp("", prefix) }
