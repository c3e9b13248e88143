package control

import "director/dataplane"

// Shadow returns a copy of the workers' shared state, with the present rules. It shows
// what the workers would do with a packet: see dataplane.Engine.Shadow.
func (c *Control) Shadow(o dataplane.ShadowOptions) (*dataplane.Engine, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shared.Shadow(o)
}
