package connect

// Follower is a Reader that wants to know how far its rows have got.
type Follower interface {
	// Applied tells that the sinks have everything before the offset. Any
	// goroutine may call it; it does not wait.
	Applied(offset Offset)
}
