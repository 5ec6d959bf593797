package eventlog

func killedChild() bool { return false }
