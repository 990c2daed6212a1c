"""The edge to Amazon: EC2, Auto Scaling, CloudWatch, SNS and an instance's metadata. It decides nothing.

Keys come from the environment or the instance's role, and other endpoints from AWS_ENDPOINT_URL, as botocore has it.
Nothing imports this unless a setting asks for EC2, CloudWatch or SNS.
"""
