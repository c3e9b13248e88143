package host

// CheckRelease lets tests check the releases of other kernels.
var CheckRelease = checkRelease
