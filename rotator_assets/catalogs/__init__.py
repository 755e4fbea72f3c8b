"""Published catalogues in common columns, and lambda_R measured from kinematic files."""
