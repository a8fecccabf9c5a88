package dag

// What the tests of the package's outside need to see of its inside.
const (
	MaxDepth   = maxDepth
	MaxCIDText = maxCIDText
)
