"""What the tests, the benchmarks and the example site share. No part of the library."""
