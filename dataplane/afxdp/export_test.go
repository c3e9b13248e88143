package afxdp

// WithoutSocket calls f while system calls of the port fail.
func (p *Port) WithoutSocket(f func()) {
	fd := p.fd
	p.fd = -1
	defer func() { p.fd = fd }()
	f()
}
