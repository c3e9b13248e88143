package host

// CheckRelease lets tests ask about kernels that are not running.
var CheckRelease = checkRelease
