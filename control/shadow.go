package control

import "director/dataplane"

// Shadow returns a copy of what the workers share, for whoever wants to know what
// they would do with a packet: see dataplane.Engine.Shadow. The rules are those
// that the workers follow now.
func (c *Control) Shadow(o dataplane.ShadowOptions) (*dataplane.Engine, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shared.Shadow(o)
}
